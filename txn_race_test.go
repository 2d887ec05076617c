//go:build race

package txcommit_test

// fewer divides the counts of the tests: the race detector makes everything some ten times slower.
const fewer = 5
