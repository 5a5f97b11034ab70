import MeshEntities

/// Tokens `{"iss":"joe"}` of every asymmetric algorithm, made by the command `openssl`.
enum TokenSamples {
    private static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkPmfTgKMTOf0xikwVIXL
        b59QpPSdKtBslTE6sIo3KFElj2LIQUYXLSTteVxcXh7nJNPYJjkkKN2UAsqgHUAc
        qTSDzQjzb3cclXinQJDc3TkllwlV8e+K5I++S/OYf2SXYJF6pgMy1gBcm9TrZOqQ
        V4lNp8A6Msk14jB89Qm0Qyy+gRGole8eNQHCVX10xe7AuCN2L0kKFuo/66FXyqmh
        9I/oyK/D/3ye2lxIW7JQBeRKQTLUjOTTCFUd6JqGzCHgpBeD6JPmMwOOzcyyxy0v
        IHoz3LJs4u8KkpbN3WLmYQw3G+DFvQQ9i0cWI2Ju1iRB3JEG6UREUcRqdVjvjHW8
        /wIDAQAB
        -----END PUBLIC KEY-----
        """

    private static let p256 = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2S9GZQ2NCWjvEwgnaTBu5iHcrcAc
        u9V9kW4CH+1iU1AsR6+62wW+EJpHrB5VLNhA8dJ4wmpHOfF2sKUgdC70cw==
        -----END PUBLIC KEY-----
        """

    private static let p384 = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEZo+3afhLHXr3EpOjitCn/WuzHXMO1hf8
        N70g3qWJPtcx9Ko8lIvL8J/eglcWndu20oy1+iNQWjK9dgQye17F7JxaPA5BhPu6
        clPCHDKZ266WI00C+kkz47VJpTSK9Bkn
        -----END PUBLIC KEY-----
        """

    private static let p521 = """
        -----BEGIN PUBLIC KEY-----
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBHguJf32pNISBXg6/O57GW9bLDIFp
        SJJ9rDe90Ps3wbdCUVso4cRj7K0xQxqOTe82ZhMMVFxnpXhwVY6S3xUgz+EA8A3c
        k3D6DlVSRJEEPearyv00HIccA+RS8V1eK6b4IG1YIMKdvxI1eleTdivn9ChWbRBR
        7FQIoXFbcTEtpl5VjuY=
        -----END PUBLIC KEY-----
        """

    private static let ed25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEA2xzx/VZ7Rgr8D1a5A3cV9u10qHA59q3tMSTUqQ6ifDE=
        -----END PUBLIC KEY-----
        """

    static let all: [(algorithm: JWTSecret.Algorithm, key: String, token: String)] = [
        (
            .rs256, rsa,
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.Wbsv0IerrcjqSgoKPZHJFMZu"
                + "6sc3xqgs0GZujX-dP_YuBr_eLvzMLdlwh_GMPj7w9EHS91dvxQm4ZLYX-HS1mne9Uo5-DoqEfbHL1ZpZ"
                + "eJVb29r42AeRogFg7zJSUCKQht2PYZOEDSp5IPCk3-f6bV4EEuo0kpburpmXiHSpMR-9c9rLYvjqx0r-"
                + "i5fMRB9gPFhzLsuIaF34kVLI8FOvTn91OTrHG9wr_CgSRgoX6bC4nBgmUfj3ayZ0UhIqqXHWB7Q3AEgS"
                + "6u3mi2p9M6yvzNzqmDKcAC7c74a9sTSPeLUI-XeBDij_g8XSzPrn255PUMrtRpDIQ36rrwKokX6FPg"
        ),
        (
            .rs384, rsa,
            "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.hoMAFj3qcVNZN3SgF2iAeCW2"
                + "FDEujSPlzSM1IPU1h6SsdAo5B6zq4emb_QtyzIt43wtmP8Scgy6_fr4LgG7KMz55Ptmjdtj3QObgT8vM"
                + "avjuOmh3DrB4jDYnDdIgSJC6ce-haZxDRsmkz4N1tjwUwHhv1sbctNEtu_ZIrnX5t-jQ49Fknq7Vai7e"
                + "bv9X1Pfzzh8OTzArgE7fbGcd7B_6q-ZMBB2GdGQjLOhTjqfO6HjYNerl_mGJT61tMzmAIwpLcFPFSmXz"
                + "dWW-OPN4HIVMFMYDFapuw21urGzqoxFUp-pPdiXP_CTOgPKZ55mwxYBjENHxqoIj8bSo0OyXj5Bgfg"
        ),
        (
            .rs512, rsa,
            "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.JHk-cnLC2LTPShI6F2PO4WzL"
                + "2sWY2Qh4BI3lGcZQGeCVogGxV1FMcBplA-lOGkOU3xEpg_npwbqcV1RAbqo7SOA_sNVnbWnMqICQxQjC"
                + "Y7SYFuUks8hZXCcKv52eUhyWEd_BWr7XjhBn577Naeg_f7aUl6tFl60tujdvILeYBCRDdh60rC85wQQv"
                + "Q6FJq3WzJELAfcWSjnvhHYAF_85rhxapgpDi-ASGr0P43G4uJ4cPk8OA6Bi1v5hnwW5PSD5z77fK-oAR"
                + "GMd6qxLDiCX9v6SmJi2yVf3H0D8SiaSgbzT_3EILvOoxNM_xuEc9FE9vUz_j6aBNmAF5GIuCFVzXqg"
        ),
        (
            .ps256, rsa,
            "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.L01Q61k78ExIkS8oyG4SnKZm"
                + "PQS6zkeWIJHxNLCwkLwsVfdepY_9VXObuCnsF80YlNGnE9qrOQfFq8CXq8sWFu0vXhZNSgii239bui3H"
                + "QvQK2GlUFB7LoWh73fA4lc5-UIofDjKmTL-AKBeVn8_5FtHNuckG4upvjZQe_VYjUhIrgpRbIa1PDMxO"
                + "dY8Kcz51ffaRZSXt3wPt9kL4JlWTVtKkwpPFTpZSpiJAAloquZegf1ceWr-Ec582EFQ3EOmU2D7h3q6x"
                + "PPtXMc6JCHdMPkx6zLc6yPQ2MU8HeEuQP3Wbghr9sh4jLjP4S5wt1KsaNhq9bLfxqDOMe14GJRBrsQ"
        ),
        (
            .ps384, rsa,
            "eyJhbGciOiJQUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.Q0ffTInZ-s6JImAs80SPo7da"
                + "V26nYOeiHGjGaMXiN16vKiFtS2g5oR0ghUDt8jvQRCgBP66J41xzu_lDAVDPPNNkxNmot6-Ef43kIKL0"
                + "Xu-qBfjo86mYhckLLRKaoYq97IzWVeAvPYjIGe6SDpYIlgHVCkKsYm-X06QHYKukygD6Ns8tGzUoBJ_4"
                + "Wi_veV4A0a6dlVUsBAq42RUMRyAkjIXUuOV5rZnSgyV5ZncFXfEiI79nwCGhT2d2nPzDF-B_0p_6BSAs"
                + "r-1LhxKGhmhKCkm_u1VBHvVw3I8zUGp19k6cnEnkC1PYB53M2FX8GWwUFujHDQHrBmKNGv7oW-L7Rw"
        ),
        (
            .ps512, rsa,
            "eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.NJ65rAZpwHz4uUlGG0CL7Upp"
                + "5ts35GLdgkisKVFa65B9BnXdVtFL4xpPIfyr-BtC57TeXwpRMn7TX1vNFKR4x4uxEkfXwZhJPPm6MYpz"
                + "WX2xtQNDvE9qy8LiRw3xq7RFZyvUPsObS15JutVWS5__wbeL_5GOBs3YbN6ccC80lkXKhB4Oq4q2-1sF"
                + "P4Ubgr2F8wUX0gqFaAD82EPrMI4Pwu4LsnqV_XJV5bXwaJROf2-Z9hlXbsT2E3k8EildWNwOHzs2IYgX"
                + "H-yxoADzOaDEgi-Dl10YlRowtokWZXL0A9ik7Q4y4HtWwovq700eoXty96cybDcT6ZiLtYgxnSO6Sw"
        ),
        (
            .es256, p256,
            "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.ZNEC2_HbVQJBvqw_Fda-U6qv"
                + "16o6KQYWhrZEsrf-JUzzn4ifyeDveLlfzLMl7a0fiClBPOBv3shROkuoL5hJ1A"
        ),
        (
            .es384, p384,
            "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.c77KLNoBZtEXySzGLKfIma_A"
                + "2dAisOj5AAw4ubb2YqthIhuBO_8s4isf9kBUp8T0USPQaC3JX_Tr8GNy8n_mwYmyMZ9wxW9yvB2U9TpG"
                + "6q4xpYzgguVm1Jm9fAFyvNkt"
        ),
        (
            .es512, p521,
            "eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.ACj_xmU5V4Ey14BW0sClMBpa"
                + "PfES2OBi86mw8TG0FQHhmHRz7QywHImjBdwWH8_DSzx8Eu7SMLkS3DQFLDjY0dprAEu4awfu9YJBTRl9"
                + "L1uFZMzOwaFvv2SdsjKRfKq7pRiNtmxOVvJZ0OjU4lvgDOEWf0NsiT2aWxGmPBkZlJUB2JRJ"
        ),
        (
            .edDSA, ed25519,
            "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJqb2UifQ.MVua2PJ9UeDXXxt93KtAfvVl"
                + "lVaQ0_bURwrV0eMgjbmqpOaPq0LUkqb6qvCX8QqiDGqvP9Uy9GWs8JOVqMSZCA"
        ),
    ]
}
