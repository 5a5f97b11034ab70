#pragma once
// OpenLDAP's macros and casts as inline functions that Swift can call.

#include <ldap.h>
#include <sys/time.h>

// How a directory is spoken to.
typedef struct {
    // Milliseconds for connecting, and for each answer.
    int milliseconds;
    // Whether the certificate and its name are checked.
    int verifies;
    // Authorities in PEM; NULL for those that the library finds.
    const char *authorities;
} mesh_ldap_settings;

// A handle that has not connected yet; NULL when the library refuses.
static inline LDAP *mesh_ldap_open(const char *uri, const mesh_ldap_settings *settings) {
    LDAP *handle = NULL;
    if (ldap_initialize(&handle, uri) != LDAP_SUCCESS) return NULL;
    int version = LDAP_VERSION3;
    int check = settings->verifies ? LDAP_OPT_X_TLS_HARD : LDAP_OPT_X_TLS_NEVER;
    int client = 0;
    struct timeval limit = {
        .tv_sec = settings->milliseconds / 1000,
        .tv_usec = settings->milliseconds % 1000 * 1000,
    };
    int isSet =
        ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS
        && ldap_set_option(handle, LDAP_OPT_NETWORK_TIMEOUT, &limit) == LDAP_OPT_SUCCESS
        && ldap_set_option(handle, LDAP_OPT_TIMEOUT, &limit) == LDAP_OPT_SUCCESS
        && ldap_set_option(handle, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS
        && ldap_set_option(handle, LDAP_OPT_X_TLS_REQUIRE_CERT, &check) == LDAP_OPT_SUCCESS
        && (settings->authorities == NULL
            || ldap_set_option(handle, LDAP_OPT_X_TLS_CACERTFILE, settings->authorities)
                == LDAP_OPT_SUCCESS)
        && ldap_set_option(handle, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;
    if (isSet) return handle;
    ldap_unbind_ext_s(handle, NULL, NULL);
    return NULL;
}

static inline int mesh_ldap_secure(LDAP *handle) {
    return ldap_start_tls_s(handle, NULL, NULL);
}

// Shows a name and a password (RFC 4513 section 5.1.3); the result code, below 0 without an answer.
static inline int mesh_ldap_bind(LDAP *handle, const char *name, const char *password, size_t count) {
    struct berval secret = {.bv_len = count, .bv_val = (char *)password};
    return ldap_sasl_bind_s(handle, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

static inline void mesh_ldap_close(LDAP *handle) { ldap_unbind_ext_s(handle, NULL, NULL); }
