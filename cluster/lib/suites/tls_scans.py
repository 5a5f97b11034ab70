"""sslyze with Mozilla's intermediate profile, sslscan and testssl.sh."""
import json
import os
import re

from .report import Missing

LIMIT = 400
NEEDS = []
# A certificate that signed itself, made for this run, without revocation or transparency.
OF_THE_TEST = re.compile(r"chain_of_trust|trust|revocation|OCSP|CRL|CAA|transparency|expiration|"
                         r"validity|HSTS|HPKP|clock_skew|commonName|caIssuers|DNS", re.I)


def run(context, report):
    context.start()
    context.need("tls")
    address = f"127.0.0.1:{context.port('tls')}"
    sslyze = os.path.join(context.sslyze_venv, "bin", "sslyze")
    if not os.path.exists(sslyze):
        raise Missing("sslyze is not installed")
    _, text = context.command(sslyze, "--mozilla_config=intermediate", address, timeout=180)
    verdict = text[text.find("COMPLIANCE"):]
    wrong = [line for line in re.findall(r"\* (.*)", verdict) if "certificate_path" not in line]
    report.check("ompliant" in verdict and not wrong, "sslyze: Mozilla's intermediate profile",
                 wrong or verdict[:500])
    report.check("VULNERABLE -" not in text, "sslyze: no vulnerability")
    if context.quick:
        return
    for tool in ("sslscan", "testssl"):
        context.tool(tool)
    _, text = context.command("sslscan", "--no-colour", "--no-check-certificate", address, timeout=120)
    for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        report.check(re.search(rf"{version}\s+disabled", text) is not None, f"sslscan: {version} is off")
    for version in ("TLSv1.2", "TLSv1.3"):
        report.check(re.search(rf"{version}\s+enabled", text) is not None, f"sslscan: {version} is on")
    report.check("vulnerable to heartbleed" not in text.replace("not vulnerable to heartbleed", ""),
                 "sslscan: no heartbleed")
    report.check(not re.search(r"(RC4|3DES|NULL|EXP|MD5|anon)", text), "sslscan: no weak cipher",
                 re.findall(r".*(?:RC4|3DES|NULL|EXP|MD5|anon).*", text))
    found = context.run.path("testssl.json")
    context.command("testssl", "--quiet", "--color", "0", "--severity", "MEDIUM", "--jsonfile", found,
                    "-p", "-f", "-U", "--ip", "one", address, timeout=300, stdin=-3)
    with open(found) as file:
        findings = [item for item in json.load(file) if not OF_THE_TEST.search(item["id"])]
    grave = [(item["id"], item["severity"], item["finding"]) for item in findings
             if item["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")]
    report.check(not grave, "testssl: nothing of medium severity or above", grave)
