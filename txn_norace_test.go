//go:build !race

package txcommit_test

// fewer divides the counts of the tests under the race detector.
const fewer = 1
