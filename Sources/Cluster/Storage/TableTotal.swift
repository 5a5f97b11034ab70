internal import GRDB
internal import MeshPrimitives

/// How many rows a table has, and the exclusive or of their checksums.
struct TableTotal: Equatable {
    /// Rows.
    private(set) var count: Int64 = 0
    /// Exclusive or of the checksums.
    private(set) var sum: UInt64 = 0

    /// Creates the total of an empty table.
    init() {}

    /// Counts a row in.
    mutating func add(_ checksum: UInt64) {
        self.count &+= 1
        self.sum ^= checksum
    }

    /// Counts a row out.
    mutating func remove(_ checksum: UInt64) {
        self.count &-= 1
        self.sum ^= checksum
    }

    /// Reads what was saved last; `nil` when it is missing or damaged.
    static func saved(for table: StoreSchema.Table, in database: Database) throws -> TableTotal? {
        let row = try Row.fetchOne(
            database,
            sql: "SELECT count, sum, checksum FROM totals WHERE name = ?",
            arguments: [table.rawValue]
        )
        guard let row, let count = row.integer(0), let sum = row.integer(1),
            let checksum = row.integer(2)
        else { return nil }
        var total = TableTotal()
        total.count = count
        total.sum = UInt64(bitPattern: sum)
        return total.checksum(for: table) == UInt64(bitPattern: checksum) ? total : nil
    }

    /// Saves it beside the rows, in their transaction.
    func save(as table: StoreSchema.Table, in database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO totals (name, count, sum, checksum) VALUES (?, ?, ?, ?)",
            arguments: [
                table.rawValue, self.count, Int64(bitPattern: self.sum),
                Int64(bitPattern: self.checksum(for: table)),
            ]
        )
    }

    private func checksum(for table: StoreSchema.Table) -> UInt64 {
        var writer = ByteWriter(capacity: 32)
        writer.write(self.count)
        writer.write(self.sum)
        return RowChecksum.of(name: table.rawValue, content: writer.bytes)
    }
}

extension Row {
    /// An integer column; `nil` when it holds anything else, as in a damaged file.
    func integer(_ index: Int) -> Int64? {
        let value: DatabaseValue = self[index]
        return Int64.fromDatabaseValue(value)
    }

    /// A text column; `nil` when it holds anything else.
    func text(_ index: Int) -> String? {
        let value: DatabaseValue = self[index]
        return String.fromDatabaseValue(value)
    }

    /// A blob column, perhaps empty; `nil` when it holds anything else.
    func bytes(_ index: Int) -> [UInt8]? {
        let value: DatabaseValue = self[index]
        guard case .blob(let content) = value.storage else { return nil }
        return Array(content)
    }

    /// Whether a column holds nothing.
    func isNull(_ index: Int) -> Bool {
        let value: DatabaseValue = self[index]
        return value.isNull
    }
}
