import Foundation
import MeshEntities
import Testing

@Suite("The paths of vaults, keys and key sets (Kong §1.7, §3.4)", .serialized)
struct VaultPathsTests {
    @Test("write and find a vault by its prefix")
    func vaults() async throws {
        try await withServer { endpoint async throws in
            let body = #"{"prefix":"my-env","name":"env","config":{"prefix":"EDGE_"}}"#
            let made = try await send(endpoint, "POST", "/vaults", body)
            #expect(made.status == 201, "\(made.body)")
            #expect(made.body.contains(#""config":{"prefix":"EDGE_","base64_decode":false}"#))
            #expect(try await Curl(endpoint, "/vaults/my-env").status == 200)
            #expect(try await send(endpoint, "POST", "/vaults", body).status == 409)
            let other = #"{"prefix":"cloud","name":"aws"}"#
            let refused = try await send(endpoint, "POST", "/vaults", other)
            #expect(refused.status == 400)
            #expect(refused.body.contains("vault 'aws' is not installed"), "\(refused.body)")
            #expect(try await send(endpoint, "DELETE", "/vaults/my-env").status == 204)
            #expect(try await Curl(endpoint, "/schemas/vaults").status == 200)
            let schema = try await Curl(endpoint, "/schemas/vaults/env")
            #expect(schema.status == 200)
            #expect(schema.body.contains("base64_decode"), "\(schema.body)")
            #expect(try await Curl(endpoint, "/schemas/vaults/aws").status == 404)
            let taken = try await send(endpoint, "POST", "/schemas/vaults/validate", body)
            #expect(taken.status == 200, "\(taken.body)")
        }
    }

    @Test("keep keys in their set, mask what is private, and let them go with the set")
    func keys() async throws {
        try await withServer { endpoint async throws in
            let set = try await send(endpoint, "PUT", "/key-sets/partners", "{}")
            #expect(set.status == 200, "\(set.body)")
            let pem =
                #"{"private_key":"-----BEGIN PRIVATE KEY-----\nAA==","public_key":"#
                + #""-----BEGIN PUBLIC KEY-----\nAA=="}"#
            let made = try await send(
                endpoint,
                "POST",
                "/key-sets/partners/keys",
                #"{"kid":"one","name":"first","pem":\#(pem)}"#
            )
            #expect(made.status == 201, "\(made.body)")
            #expect(made.body.contains(#""private_key":"******""#), "\(made.body)")
            #expect(made.body.contains("BEGIN PUBLIC KEY"), "\(made.body)")
            #expect(try await Curl(endpoint, "/keys/first").status == 200)
            #expect(try await Curl(endpoint, "/keys/first/set").body.contains("partners"))
            let both = try await send(
                endpoint,
                "POST",
                "/keys",
                #"{"kid":"x","pem":\#(pem),"jwk":"{\"kid\":\"x\"}"}"#
            )
            #expect(both.status == 400)
            #expect(both.body.contains("exactly one"), "\(both.body)")
            let twice = try await send(
                endpoint,
                "POST",
                "/key-sets/partners/keys",
                #"{"kid":"one","pem":\#(pem)}"#
            )
            #expect(twice.status == 409, "\(twice.body)")
            #expect(try await send(endpoint, "DELETE", "/key-sets/partners").status == 204)
            #expect(try await Curl(endpoint, "/keys/first").status == 404)
        }
    }
}
