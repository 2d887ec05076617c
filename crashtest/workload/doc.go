// Package workload makes seeded random transactions for all layers of the crash lab, and predicts what each of them
// makes of the tree.
//
// The prediction is by construction: a transaction is put together from motifs (replace a file, swap two, sync a tree,
// …) that claim disjoint paths, and each motif says what becomes of the paths that it claims. So the package needs no
// second implementation of the contract, and generates only what the contract is clear about.
//
// A workload lives in one folder of the file system under test:
//
//	DIR/root     the root of the transactions
//	DIR/src      what write and tree ops take their content from
//	DIR/m        one manifest a transaction
//	DIR/mark     the acknowledgements, see Mark
//
// New files and folders are predicted for umask 022.
package workload
