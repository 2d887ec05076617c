package manifest

import (
	"fmt"
	"strings"
)

// maxTypo is the number of edits up to which a name counts as mistyped.
const maxTypo = 2

// suggest returns what a user meant by word: the nearest of names if one is
// near, otherwise all of them, introduced by whose they are.
func suggest(word, whose string, names []string) string {
	best, least := "", maxTypo+1
	for _, name := range names {
		d := distance(strings.ToLower(word), name)
		if d < least && d < len(name) {
			best, least = name, d
		}
	}
	if best == "" {
		return whose + " " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is the Levenshtein distance of a and b in bytes, or a number above
// maxTypo if their lengths differ by more than that.
func distance(a, b string) int {
	if diff := len(a) - len(b); diff > maxTypo || -diff > maxTypo {
		return maxTypo + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
