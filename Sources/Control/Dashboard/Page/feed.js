// Keeps what the node tells: everything at first, then what changes, over one stream that resumes where
// it broke. By fetch and not by EventSource, which could not send a token.

const silence = 20000; // Longer than the node's comments are apart.
const pauses = [250, 500, 1000, 2000];
const pace = 1000; // Between two questions to a node that is seen through another.
const tokenKey = "meshgate-token";

export class Feed {
  facts = new Map();
  state = "connecting"; // connecting, live, lost, locked
  session = { name: "", role: "read" };
  lostAt = 0;
  home = ""; // Who serves the page.
  viewpoint = ""; // Whose view is shown, when that is another node's: its id.
  #mark = "";
  #stop;
  #tries = 0;
  #changed;

  constructor(changed) { this.#changed = changed; }

  get token() { return sessionStorage.getItem(tokenKey) || ""; }

  set token(text) {
    if (text) sessionStorage.setItem(tokenKey, text);
    else sessionStorage.removeItem(tokenKey);
  }

  /// Shows the mesh as another node sees it, asked through the one that serves the page; home: as that one does.
  look(id) {
    this.viewpoint = id === this.home ? "" : id;
    this.#mark = "";
    this.#tries = 0;
    this.#stop?.abort();
    this.#become("connecting");
  }

  /// All facts of one kind: those whose key begins with `kind/`.
  all(kind) {
    const found = [];
    for (const [key, value] of this.facts) if (key.startsWith(kind + "/")) found.push(value);
    return found;
  }

  /// Asks the node; the answer's JSON, or an error with what it said.
  async ask(path, method = "GET") {
    const answer = await fetch(path, { method, headers: this.#headers(), cache: "no-store" });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.message || `${answer.status}`);
    return body;
  }

  #headers(more) { return { ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}), ...more }; }

  /// Follows the node for ever.
  async follow() {
    for (;;) {
      try {
        await (this.viewpoint ? this.#poll(this.viewpoint) : this.#stream());
      } catch (problem) {
        if (problem === "locked") return this.#become("locked");
      }
      if (this.state === "connecting" && !this.#tries) { this.#tries++; continue; } // Another viewpoint was chosen.
      if (this.state !== "lost") this.lostAt = Date.now();
      this.#become("lost");
      await new Promise((done) => setTimeout(done, pauses[Math.min(this.#tries++, pauses.length - 1)]));
    }
  }

  /// Asks through the mesh again and again, until somebody else's view is wanted.
  async #poll(id) {
    const stop = this.#stop = new AbortController();
    while (this.viewpoint === id && !stop.signal.aborted) {
      const mark = this.#mark ? `?after=${encodeURIComponent(this.#mark)}` : "";
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(8000)]);
      const answer = await fetch(`/mesh/nodes/${encodeURIComponent(id)}/board${mark}`, { headers: this.#headers(), cache: "no-store", signal });
      if (answer.status === 401) throw "locked";
      if (!answer.ok) throw new Error(`${answer.status}`);
      const change = await answer.json();
      if (this.viewpoint !== id) return;
      this.#apply(change);
      await new Promise((done) => setTimeout(done, pace));
    }
  }

  async #stream() {
    const stop = this.#stop = new AbortController();
    let timer = setTimeout(() => stop.abort(), 5000);
    try {
      const answer = await fetch("/mesh/board/changes", {
        headers: this.#headers(this.#mark ? { "Last-Event-ID": this.#mark } : {}),
        cache: "no-store", signal: stop.signal,
      });
      if (answer.status === 401) throw "locked";
      if (!answer.ok) throw new Error(`${answer.status}`);
      this.session = await this.ask("/mesh/session");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => stop.abort(), silence);
        const { done, value } = await reader.read();
        if (done) return;
        text += value;
        let end;
        while ((end = text.indexOf("\n\n")) >= 0) {
          this.#take(text.slice(0, end));
          text = text.slice(end + 2);
        }
      }
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  #take(event) {
    const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
    if (!data) return;
    if (!this.viewpoint) this.#apply(JSON.parse(data));
  }

  #apply(change) {
    if (change.reset) this.facts.clear();
    for (const [key, value] of Object.entries(change.set)) this.facts.set(key, value);
    for (const key of change.gone) this.facts.delete(key);
    this.#mark = change.mark;
    if (!this.viewpoint) this.home = this.all("member").find((one) => one.is_asked)?.id || this.home;
    this.#tries = 0;
    this.#become("live");
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }
}
