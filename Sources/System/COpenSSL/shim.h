#pragma once
// OpenSSL's macros and variadic functions as inline functions that Swift can call, and the socket
// call of the TLS records' BIO.

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

// Bytes received, 0 at the end of the stream, or a negative errno.
static inline ssize_t mesh_tls_receive(int descriptor, void *to, size_t limit) {
    ssize_t count;
    do {
        count = recv(descriptor, to, limit, 0);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -(ssize_t)errno : count;
}

// Appends a line to a key log in one write, so that lines of several threads never mix.
static inline void mesh_tls_log_line(int descriptor, const char *line) {
    char text[512];
    size_t count = strnlen(line, sizeof(text) - 1);
    memcpy(text, line, count);
    text[count] = '\n';
    ssize_t written = write(descriptor, text, count + 1);
    (void)written;
    OPENSSL_cleanse(text, sizeof(text));
}

static inline void mesh_bio_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void mesh_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline long mesh_bio_memory(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// What every context of ours shares; returns 0 when OpenSSL refuses.
static inline int mesh_ctx_prepare(SSL_CTX *context, int minimum, size_t read_bytes) {
    SSL_CTX_set_mode(
        context,
        SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    );
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, read_bytes);
    return SSL_CTX_set_min_proto_version(context, minimum) == 1;
}

static inline int mesh_ctx_newest(SSL_CTX *context, int version) {
    return SSL_CTX_set_max_proto_version(context, version) == 1;
}
// Our order decides, unless the client puts ChaCha20 first, which is its word for slow AES.
static inline void mesh_ctx_prefer_ours(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}
static inline void mesh_ctx_no_tickets(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
}
static inline void mesh_ctx_cache_off(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline void mesh_ctx_cache_by_caller(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(
        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
    );
}
static inline int mesh_ctx_groups(SSL_CTX *context, const char *names) {
    return SSL_CTX_set1_groups_list(context, (char *)names) == 1;
}
static inline void mesh_ctx_store(SSL_CTX *context, X509_STORE *store) {
    SSL_CTX_set1_cert_store(context, store);
}
static inline void mesh_ctx_on_name(SSL_CTX *context, int (*callback)(SSL *, int *, void *)) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
}
static inline void mesh_ctx_on_status(SSL_CTX *context, int (*callback)(SSL *, void *)) {
    SSL_CTX_set_tlsext_status_cb(context, callback);
}

// OpenSSL frees the response, so it gets a copy.
static inline int mesh_ssl_staple(SSL *ssl, const uint8_t *response, size_t count) {
    uint8_t *copy = (uint8_t *)OPENSSL_memdup(response, count);
    if (copy == NULL) return 0;
    if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)count) == 1) return 1;
    OPENSSL_free(copy);
    return 0;
}
static inline int mesh_ssl_ask_staple(SSL *ssl) {
    return SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) == 1;
}
static inline long mesh_ssl_staple_received(SSL *ssl, const uint8_t **bytes) {
    return SSL_get_tlsext_status_ocsp_resp(ssl, bytes);
}
static inline int mesh_ssl_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name) == 1;
}

// Keys the MAC of a session ticket: HMAC with SHA-256 and a 32-byte secret.
static inline int mesh_mac_key(EVP_MAC_CTX *context, uint8_t *secret) {
    OSSL_PARAM parameters[3];
    parameters[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, 32);
    parameters[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
    parameters[2] = OSSL_PARAM_construct_end();
    return EVP_MAC_CTX_set_params(context, parameters) == 1;
}

static inline STACK_OF(X509) *mesh_chain_new(void) { return sk_X509_new_null(); }
static inline int mesh_chain_push(STACK_OF(X509) *chain, X509 *certificate) {
    return sk_X509_push(chain, certificate) > 0;
}
static inline int mesh_chain_count(const STACK_OF(X509) *chain) {
    return chain == NULL ? 0 : sk_X509_num(chain);
}
static inline X509 *mesh_chain_at(const STACK_OF(X509) *chain, int index) {
    return sk_X509_value(chain, index);
}
static inline void mesh_chain_free(STACK_OF(X509) *chain) { sk_X509_pop_free(chain, X509_free); }

// A key never asks for a pass phrase at a terminal: an encrypted one is refused.
static inline int mesh_no_passphrase(char *to, int limit, int writes, void *context) {
    (void)to, (void)limit, (void)writes, (void)context;
    return -1;
}

static inline EVP_PKEY *mesh_key_rsa(unsigned bits) { return EVP_RSA_gen(bits); }
static inline EVP_PKEY *mesh_key_p256(void) { return EVP_EC_gen("P-256"); }

static inline int mesh_print_name(BIO *to, const X509_NAME *name) {
    return X509_NAME_print_ex(to, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0;
}

// Names that a certificate is for: DNS names of subjectAltName, one at a time.
static inline int mesh_names_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}
static inline const ASN1_STRING *mesh_names_dns(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name->type == GEN_DNS ? name->d.dNSName : NULL;
}
// As above, of any type that is text or an address; `type` takes the type.
static inline const ASN1_STRING *mesh_names_any(const GENERAL_NAMES *names, int index, int *type) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    *type = name->type;
    switch (name->type) {
    case GEN_DNS: return name->d.dNSName;
    case GEN_EMAIL: return name->d.rfc822Name;
    case GEN_URI: return name->d.uniformResourceIdentifier;
    case GEN_IPADD: return name->d.iPAddress;
    default: return NULL;
    }
}
static inline void mesh_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

// Asks a client for a certificate, whatever it may be; `names` are the authorities told, or NULL.
//
// No session of it is resumed: a ticket would hold its certificate without those that vouch for it.
static inline int mesh_verify_any(int is_good, X509_STORE_CTX *context) {
    (void)is_good, (void)context;
    return 1;
}
static inline int mesh_ssl_request_certificate(SSL *ssl, const STACK_OF(X509_NAME) *names) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER, mesh_verify_any);
    if (names == NULL) return 1;
    STACK_OF(X509_NAME) *copy = SSL_dup_CA_list(names);
    if (copy == NULL) return 0;
    SSL_set0_CA_list(ssl, copy);
    return 1;
}
static inline void mesh_ssl_no_tickets(SSL *ssl) {
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, 0);
}
static inline STACK_OF(X509_NAME) *mesh_authority_names(void) { return sk_X509_NAME_new_null(); }
static inline int mesh_authority_names_add(STACK_OF(X509_NAME) *names, const X509 *certificate) {
    X509_NAME *copy = X509_NAME_dup(X509_get_subject_name(certificate));
    if (copy != NULL && sk_X509_NAME_push(names, copy) > 0) return 1;
    X509_NAME_free(copy);
    return 0;
}
static inline void mesh_authority_names_free(STACK_OF(X509_NAME) *names) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
}

static inline int mesh_error_reason(unsigned long code) {
    return ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
}

// Copies the address of an OCSP responder, or of a list of revoked certificates, that a certificate
// names, so many others left out; its length, or -1 when there is none or it is too long.
static inline int mesh_responder_address(X509 *certificate, int index, char *to, int limit) {
    STACK_OF(OPENSSL_STRING) *all = X509_get1_ocsp(certificate);
    int count = -1;
    if (all != NULL && index < sk_OPENSSL_STRING_num(all)) {
        const char *text = sk_OPENSSL_STRING_value(all, index);
        size_t length = strlen(text);
        if (length < (size_t)limit) {
            memcpy(to, text, length);
            count = (int)length;
        }
    }
    X509_email_free(all);
    return count;
}
static inline int mesh_revocation_list_address(
    const X509 *certificate, int index, char *to, int limit
) {
    CRL_DIST_POINTS *points = (CRL_DIST_POINTS *)X509_get_ext_d2i(
        certificate, NID_crl_distribution_points, NULL, NULL
    );
    int left = index, count = -1;
    for (int place = 0; count < 0 && place < sk_DIST_POINT_num(points); place++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, place);
        // Lists by others than the issuer, or for some reasons only, do not say all.
        if (point->CRLissuer != NULL || point->reasons != NULL) continue;
        if (point->distpoint == NULL || point->distpoint->type != 0) continue;
        const GENERAL_NAMES *names = point->distpoint->name.fullname;
        for (int name = 0; count < 0 && name < sk_GENERAL_NAME_num(names); name++) {
            const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, name);
            if (one->type != GEN_URI || left-- > 0) continue;
            const ASN1_STRING *text = one->d.uniformResourceIdentifier;
            if (ASN1_STRING_length(text) >= limit) continue;
            count = ASN1_STRING_length(text);
            memcpy(to, ASN1_STRING_get0_data(text), (size_t)count);
        }
    }
    CRL_DIST_POINTS_free(points);
    return count;
}

// Makes the question whether a certificate was revoked (RFC 6960); its length, or 0. The bytes are
// freed by OPENSSL_free.
static inline int mesh_revocation_question(X509 *certificate, X509 *issuer, uint8_t **bytes) {
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, certificate, issuer);
    int count = 0;
    *bytes = NULL;
    if (request != NULL && id != NULL && OCSP_request_add0_id(request, id) != NULL) {
        id = NULL;
        count = i2d_OCSP_REQUEST(request, bytes);
    }
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    return count > 0 ? count : 0;
}

// What an answer of OCSP says of a certificate: 0 good, 1 revoked, -1 nothing that may be relied on.
//
// The issuer has signed it, or whom the issuer told to answer; it is of now, or, where it names no end,
// of the last day.
static inline int mesh_revocation_answer(
    X509 *certificate, X509 *issuer, const uint8_t *bytes, long count
) {
    int finding = -1;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &bytes, count);
    OCSP_BASICRESP *basic = NULL;
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, certificate, issuer);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (response != NULL && id != NULL && store != NULL && chain != NULL &&
        OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL &&
        (basic = OCSP_response_get1_basic(response)) != NULL &&
        sk_X509_push(chain, issuer) > 0 && X509_STORE_add_cert(store, issuer) == 1 &&
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
        OCSP_basic_verify(basic, chain, store, 0) == 1) {
        int status = -1, reason = -1;
        ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
        if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &until) == 1 &&
            OCSP_check_validity(from, until, 300, until == NULL ? 86400 : -1) == 1) {
            if (status == V_OCSP_CERTSTATUS_GOOD) finding = 0;
            if (status == V_OCSP_CERTSTATUS_REVOKED) finding = 1;
        }
    }
    sk_X509_free(chain);
    X509_STORE_free(store);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return finding;
}

// Whether an address is one of a distribution point's.
static inline int mesh_point_has_address(const DIST_POINT_NAME *point, const ASN1_STRING *address) {
    if (point == NULL || point->type != 0) return 0;
    for (int place = 0; place < sk_GENERAL_NAME_num(point->name.fullname); place++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->name.fullname, place);
        if (name->type == GEN_URI &&
            ASN1_STRING_cmp(name->d.uniformResourceIdentifier, address) == 0) {
            return 1;
        }
    }
    return 0;
}

// Whether a certificate names a part of its issuer's list as the one that it is in (RFC 5280 section
// 6.3.3, b.2.i).
static inline int mesh_certificate_is_in_part(
    const X509 *certificate, const DIST_POINT_NAME *part
) {
    CRL_DIST_POINTS *points = (CRL_DIST_POINTS *)X509_get_ext_d2i(
        certificate, NID_crl_distribution_points, NULL, NULL
    );
    int is_in = 0;
    for (int place = 0; !is_in && place < sk_DIST_POINT_num(points); place++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, place);
        if (point->CRLissuer != NULL || point->reasons != NULL) continue;
        if (point->distpoint == NULL || point->distpoint->type != 0) continue;
        const GENERAL_NAMES *names = point->distpoint->name.fullname;
        for (int name = 0; !is_in && name < sk_GENERAL_NAME_num(names); name++) {
            const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, name);
            is_in = one->type == GEN_URI &&
                    mesh_point_has_address(part, one->d.uniformResourceIdentifier);
        }
    }
    CRL_DIST_POINTS_free(points);
    return is_in;
}

// Whether a list is of all reasons and has all clients' certificates, or the part in which this one
// would be, so that silence means good.
static inline int mesh_revocation_list_is_whole(const X509_CRL *list, const X509 *certificate) {
    for (int place = 0; place < X509_CRL_get_ext_count(list); place++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(list, place);
        if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_issuing_distribution_point) {
            if (X509_EXTENSION_get_critical(extension)) return 0;
            continue;
        }
        ISSUING_DIST_POINT *point = (ISSUING_DIST_POINT *)X509V3_EXT_d2i(extension);
        int is_whole = point != NULL && point->onlyCA <= 0 && point->onlyattr <= 0 &&
                       point->indirectCRL <= 0 && point->onlysomereasons == NULL &&
                       (point->distpoint == NULL ||
                        mesh_certificate_is_in_part(certificate, point->distpoint));
        ISSUING_DIST_POINT_free(point);
        if (!is_whole) return 0;
    }
    return 1;
}

// As above, of a list of revoked certificates (RFC 5280 section 5), in DER or PEM.
static inline int mesh_revocation_list(
    X509 *certificate, X509 *issuer, const uint8_t *bytes, int count
) {
    const uint8_t *next = bytes;
    X509_CRL *list = d2i_X509_CRL(NULL, &next, count);
    if (list == NULL) {
        BIO *source = BIO_new_mem_buf(bytes, count);
        if (source != NULL) list = PEM_read_bio_X509_CRL(source, NULL, mesh_no_passphrase, NULL);
        BIO_free(source);
    }
    int finding = -1;
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    if (list != NULL && key != NULL &&
        X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) == 0 &&
        (X509_get_key_usage(issuer) & KU_CRL_SIGN) != 0 && X509_CRL_verify(list, key) == 1 &&
        mesh_revocation_list_is_whole(list, certificate) &&
        X509_cmp_current_time(X509_CRL_get0_lastUpdate(list)) < 0 &&
        X509_CRL_get0_nextUpdate(list) != NULL &&
        X509_cmp_current_time(X509_CRL_get0_nextUpdate(list)) > 0) {
        X509_REVOKED *entry = NULL;
        finding = X509_CRL_get0_by_cert(list, &entry, certificate) == 1;
    }
    X509_CRL_free(list);
    ERR_clear_error();
    return finding;
}
