internal import GRDB

/// The tables of the state file and how older files become newer ones.
///
/// `totals` holds, per table, the number of rows and the exclusive or of their checksums, changed in
/// the same transaction as the rows. A lost row is thereby found as surely as a changed one.
enum StoreSchema {
    /// Marks the file as ours in its header: "MESH".
    static let applicationID = 0x4D45_5348

    /// Tables whose rows `totals` counts.
    enum Table: String, CaseIterable {
        case members
        case settings
        case changelog
        case changesets
        case displaced
    }

    /// All steps from an empty file to today's tables; steps are only ever added.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    PRAGMA application_id = \(Self.applicationID);
                    CREATE TABLE members (
                      name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL,
                      checksum INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE settings (
                      name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL,
                      checksum INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE changelog (
                      name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL,
                      checksum INTEGER NOT NULL
                    );
                    CREATE TABLE changesets (
                      name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL,
                      checksum INTEGER NOT NULL
                    );
                    CREATE TABLE displaced (
                      name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL,
                      checksum INTEGER NOT NULL
                    );
                    CREATE TABLE totals (
                      name TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL,
                      sum INTEGER NOT NULL, checksum INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    """
            )
            for table in Table.allCases { try TableTotal().save(as: table, in: database) }
        }
        return migrator
    }
}
