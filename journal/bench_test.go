package journal

import (
	"fmt"
	"os"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// The cost of what every commit pays: opening the journal with the last record in it, and reading that record.
func BenchmarkOpen(b *testing.B) {
	for _, steps := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprintf("steps=%d", steps), func(b *testing.B) {
			path := fresh(b)
			j := reopen(b, path)
			put(b, j, big(1, steps))
			benchmarkOpen(b, j, path)
		})
	}
	b.Run("keys=10000", func(b *testing.B) {
		path := fresh(b)
		j := reopen(b, path)
		if err := j.update(func(tx *bolt.Tx) error {
			for n := range RememberedKeys {
				if err := remember(tx, sample(n)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		benchmarkOpen(b, j, path)
	})
}

func benchmarkOpen(b *testing.B, j *DB, path string) {
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			j, err := Open(os.OpenFile, path)
			if err != nil {
				b.Fatal(err)
			}
			_ = j.Close()
		}
	})
	b.Run("verify", func(b *testing.B) {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for b.Loop() {
			if err := verify(f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("records", func(b *testing.B) {
		j := reopen(b, path)
		defer j.Close()
		for b.Loop() {
			if _, err := j.Records(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := big(1, 10000)
	for b.Loop() {
		if _, _, err := encode(r); err != nil {
			b.Fatal(err)
		}
	}
}
