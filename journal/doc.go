// Package journal remembers what transactions have decided.
//
// It owns the record of a transaction (its format, version and checksum) and the state machine of records: a
// transition is checked where it is persisted, in the same bbolt transaction (see state.go). It knows nothing of the
// tree; what is done because of a record is package recovery's.
//
// A journal is one bbolt file. It is opened only by the holder of the store's lock and closed before the lock is
// released. Each change of it is one bbolt transaction, durable when the call returns without an error. When a call
// that changes it fails, what is durable is unknown until the file is opened again.
//
// bbolt panics on a damaged file, and a shortened one faults in its memory map: both come back as [ErrJournal].
package journal
