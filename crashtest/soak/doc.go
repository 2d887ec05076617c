// Package soak is the crash lab's endurance test: for as long as asked, several processes do random transactions, undos
// and views on one root of a small disk, are killed anywhere, find the disk full, and share the tree with programs that
// know nothing of transactions.
//
// Each actor owns a folder of the root and knows each state that it may be in; one file is shared by all. What is seen
// through a view, after each transaction, after each recovery and at the end must be one of these states.
//
// There is nothing here to be imported; the package is its tests.
package soak
