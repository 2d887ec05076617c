package manifest

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
)

func manyOps(n int) *Manifest {
	m := &Manifest{Name: "m.json"}
	for i := range n {
		m.Ops = append(m.Ops, Op{
			Kind: Write, Path: fmt.Sprintf("node_modules/package-%d/lib/index.js", i), Mode: ModeOf(0o644),
			Content: fmt.Appendf(nil, "module.exports = require(\"./%d\")\n", i),
			Expect:  Expect{State: ExpectSHA256},
		})
	}
	return m
}

func BenchmarkParse100k(b *testing.B) {
	var text bytes.Buffer
	if err := manyOps(100_000).Encode(&text); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("m.json", bytes.NewReader(text.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode100k(b *testing.B) {
	m := manyOps(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// 20,000 ops take less than 60 MiB in all, garbage included, and so 100,000
// less than 300 MiB.
func TestParseMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("parses 20,000 ops")
	}
	var text bytes.Buffer
	if err := manyOps(20_000).Encode(&text); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := Parse("m.json", &text)
	runtime.ReadMemStats(&after)
	if err != nil || len(m.Ops) != 20_000 {
		t.Fatalf("got %v", err)
	}
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got >= 60 {
		t.Errorf("allocated %d MiB, want less than 60", got)
	}
}
