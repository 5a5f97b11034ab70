import MeshAdminClient
import MeshReports

/// Asks before most of what the mesh has is taken away, as by a file that is empty by mistake.
struct DeletionQuestion {
    let difference: DifferenceReport
    /// So many entities may go away unasked.
    let unaskedCount: Int
    /// How to have them back.
    let remedy: String

    /// - Throws: ``Failure`` when the answer is no, or nobody is there to be asked.
    func ask(_ client: AdminClient, isAgreed: Bool) async throws {
        let (gone, new) = (self.difference.summary.deleted, self.difference.summary.created)
        guard !isAgreed, gone > self.unaskedCount, gone > new else { return }
        let all = try await client.status().entities.values.reduce(0, +)
        guard 2 * gone > all else { return }
        try Terminal.confirm(
            "take away \(gone) of \(all) entities? Later, \(self.remedy) brings them back.",
            isAgreed: false
        )
    }
}
