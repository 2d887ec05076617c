//go:build unix

package recovery

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
	bolt "go.etcd.io/bbolt"

	"github.com/txcommit/txcommit/journal"
)

// contents are those of a besieged world, old and new, all different.
var contents = []string{"T old", "T new", "gone old", "deep old", "deep new", "run old", "in e", "d old"}

// besieged is a world with a step of each kind, none of them done, in a root that has a sibling: beside the root is all
// that is in it again, so that any path that leads out leads to something.
func besieged(t *testing.T) *world {
	t.Helper()
	top := memoryDir(t)
	for _, at := range []string{"outside", "root", "."} {
		for p, content := range map[string]string{"T": "T old", "gone": "gone old", "inner/deep/f": "deep old", "run": "run old", "e/x": "in e", "d/x": "d old"} {
			p = filepath.Join(top, at, p)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := newWorldIn(t, filepath.Join(top, "root"))
	w.install(exchange, "T", "T new")
	w.install(exchange, "inner/deep/f", "deep new")
	w.takeOut(none, "gone")
	w.takeOut(none, "d")
	w.step(journal.Chmod, none, "run").Mode = 0o755
	s := w.step(journal.Move, none, "e")
	s.ToParent, s.ToName = w.parent("inner"), "e2"
	return w
}

// payload is the record as the journal keeps it.
func (w *world) payload(v any) []byte {
	w.Helper()
	m, err := cbor.EncOptions{String: cbor.StringToByteString}.EncMode()
	w.must(err)
	b, err := m.Marshal(v)
	w.must(err)
	return b
}

// head is the header of a payload, with the checksum that it needs. See journal/encode.go.
func head(state byte, keep bool, chunks uint32, length, sum uint64) []byte {
	b := append([]byte("txcr"), 1, state, 0, 0)
	if keep {
		b[6] = 1
	}
	b = binary.BigEndian.AppendUint32(b, chunks)
	b = binary.BigEndian.AppendUint64(b, length)
	b = binary.BigEndian.AppendUint64(b, sum)
	return binary.BigEndian.AppendUint64(b, xxh3.Hash(b))
}

// forge writes a record into the journal past package journal, which would not take it.
func (w *world) forge(head, payload []byte) {
	w.Helper()
	w.must(w.env.DB.Close())
	db, err := bolt.Open(w.path(".txcommit/journal.db"), 0o600, nil)
	w.must(err)
	id := uuid.MustParse(txid)
	w.must(db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("records"))
		return errors.Join(b.Put(append(id[:], 0), head), b.Put(binary.BigEndian.AppendUint32(append(id[:], 1), 0), payload))
	}))
	w.must(db.Close())
	w.open()
}

// everything describes all that is at top, but for what is in the journal and the view's stamp.
func (w *world) everything(top string) map[string]string {
	w.Helper()
	all := map[string]string{}
	w.must(filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		line := i.Mode().String()
		if i.Mode().IsRegular() && d.Name() != "journal.db" && d.Name() != "view.lock" {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += " " + i.ModTime().String() + " " + string(b)
		}
		all[p] = line
		return nil
	}))
	return all
}

// outside describes what is beside the root.
func (w *world) outside() map[string]string {
	w.Helper()
	all := w.everything(filepath.Dir(w.root))
	maps.DeleteFunc(all, func(p, _ string) bool { return p == w.root || strings.HasPrefix(p, w.root+"/") })
	return all
}

func (w *world) same(what string, was, is map[string]string) {
	w.Helper()
	for p := range maps.Collect(func(yield func(string, bool) bool) {
		for _, m := range []map[string]string{was, is} {
			for p := range m {
				if !yield(p, true) {
					return
				}
			}
		}
	}) {
		if was[p] != is[p] {
			w.Errorf("%s: %s is %q, was %q", what, p, is[p], was[p])
		}
	}
}

// endure recovers a world whose record was forged, and gives it up if that is refused: nothing outside the root is ever
// touched, nothing at all by a recovery that says that the journal cannot be read, and no content is lost.
func (w *world) endure() error {
	w.Helper()
	outside, root := w.outside(), w.everything(w.root)
	p, err := w.env.Look()
	if err == nil {
		_, err = w.env.Recover(p)
	}
	w.same("outside, after a recovery", outside, w.outside())
	if errors.Is(err, journal.ErrJournal) {
		w.same("refused", root, w.everything(w.root))
	}
	if err == nil {
		return nil
	}
	_, aerr := w.env.Abandon(txid)
	w.same("outside, after the record was given up", outside, w.outside())
	if aerr != nil {
		if _, kerr := w.env.KeepDead(); kerr != nil { // as a rebuild does
			w.Errorf("KeepDead after %v and %v: %v", err, aerr, kerr)
		}
		w.same("outside, after a rebuild", outside, w.outside())
	}
	left := w.everything(w.root)
	for _, content := range contents {
		if !slices.ContainsFunc(slices.Collect(maps.Values(left)), func(line string) bool { return strings.HasSuffix(line, " "+content) }) {
			w.Errorf("recovery: %v; abandon: %v; then %q is nowhere below the root", err, aerr, content)
		}
	}
	return err
}

// TestForgedRecords writes records with right checksums into a real journal beside a real stage folder, that lead out of
// the root, into the state folder or beyond their own tables, or lie about their lengths. Each makes recovery refuse.
func TestForgedRecords(t *testing.T) {
	paths := map[string]string{
		"up": "..", "outside": "../outside", "absolute": "/tmp", "NUL": "a\x00b", "up and down": "inner/../../outside",
		"state folder": ".txcommit/stage", "nested state folder": "inner/.txcommit", "empty": "", "double slash": "inner//deep",
	}
	forged := map[string]func(r *journal.Record){
		"parent index": func(r *journal.Record) { r.Steps[0].Parent = 99 },
		"parent huge":  func(r *journal.Record) { r.Steps[0].Parent = math.MaxUint32 },
		"sub index":    func(r *journal.Record) { r.Steps[0].Sub = 99 },
		"new parent":   func(r *journal.Record) { r.Steps[5].ToParent = 99 },
		"kind":         func(r *journal.Record) { r.Steps[0].Kind = 77 },
		"flags":        func(r *journal.Record) { r.Steps[0].Flags = 0xff },
		"mode":         func(r *journal.Record) { r.Steps[4].Mode = 0xffff },
		"a huge list beside": func(r *journal.Record) {
			r.Beside = &journal.Beside{Length: math.MaxUint64}
			r.Steps, r.Parents, r.Subs = nil, nil, nil
		},
		"a list beside that is missing": func(r *journal.Record) {
			r.Beside = &journal.Beside{Length: 10}
			r.Steps, r.Parents, r.Subs = nil, nil, nil
		},
	}
	for name, p := range paths {
		forged["parent "+name] = func(r *journal.Record) { r.Parents[1].Path = p }
		forged["target "+name] = func(r *journal.Record) { r.Steps[0].Name = p }
		forged["removed "+name] = func(r *journal.Record) { r.Steps[2].Name = p }
		forged["new name "+name] = func(r *journal.Record) { r.Steps[5].ToName = p }
		forged["sub "+name] = func(r *journal.Record) { r.Subs[0].Name = p }
	}
	for _, name := range slices.Sorted(maps.Keys(forged)) {
		for _, state := range []journal.State{journal.Decided, journal.Aborting} {
			t.Run(name+" "+state.String(), func(t *testing.T) {
				w := besieged(t)
				before := *w.rec
				forged[name](&before)
				b := w.payload(&before)
				w.forge(head(byte(state), false, 1, uint64(len(b)), xxh3.Hash(b)), b)
				if err := w.endure(); !errors.Is(err, journal.ErrJournal) {
					t.Errorf("recover: %v, want ErrJournal", err)
				}
			})
		}
	}
}

// TestForgedHeaders lies about the state and the length of a record.
func TestForgedHeaders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		state  byte
		chunks uint32
		length uint64 // more than there is
	}{
		{"state 0", 0, 1, 0},
		{"state 77", 77, 1, 0},
		{"a chunk that is missing", byte(journal.Decided), 2, 60 << 10},
		{"a huge length", byte(journal.Decided), math.MaxUint32, math.MaxUint64 >> 1},
		{"the longest length", byte(journal.Decided), (8 << 30) / (60 << 10), 8 << 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := besieged(t)
			b := w.payload(w.rec)
			w.forge(head(tt.state, false, tt.chunks, uint64(len(b))+tt.length, xxh3.Hash(b)), b)
			if err := w.endure(); !errors.Is(err, journal.ErrJournal) {
				t.Errorf("recover: %v, want ErrJournal", err)
			}
		})
	}
}

// TestForgedStepsFile forges the file in the stage folder that holds the lists of a large record.
func TestForgedStepsFile(t *testing.T) {
	for name, forge := range map[string]func(w *world) []byte{
		"a path that leads out": func(w *world) []byte {
			w.rec.Parents[1].Path = "../outside"
			return w.lists()
		},
		"a link to a right one": func(w *world) []byte {
			b := w.lists()
			w.must(os.WriteFile(filepath.Join(filepath.Dir(w.root), "lists"), b, 0o600))
			w.must(os.Symlink("../../../../lists", w.path(".txcommit/stage/"+txid+"/"+StepsFile)))
			return b
		},
		"no lists": func(*world) []byte { return bytes.Repeat([]byte{0x81}, 10000) },
	} {
		t.Run(name, func(t *testing.T) {
			w := besieged(t)
			b := forge(w)
			at := w.path(".txcommit/stage/" + txid + "/" + StepsFile)
			if _, err := os.Lstat(at); err != nil {
				w.must(os.WriteFile(at, b, 0o600))
			}
			r := *w.rec
			r.Subs, r.Parents, r.Steps, r.Beside = nil, nil, nil, &journal.Beside{Length: uint64(len(b)), Sum: xxh3.Hash(b)}
			p := w.payload(&r)
			w.forge(head(byte(journal.Decided), false, 1, uint64(len(p)), xxh3.Hash(p)), p)
			if err := w.endure(); err == nil || name != "a link to a right one" && !errors.Is(err, journal.ErrJournal) {
				t.Errorf("recover: %v, want that it is refused", err)
			}
		})
	}
}

func (w *world) lists() []byte {
	w.Helper()
	return w.payload([]any{w.rec.Subs, w.rec.Parents, w.rec.Steps, nil})
}

// TestLinksInTheStageFolder puts links that lead out where recovery expects what was staged. None is followed.
func TestLinksInTheStageFolder(t *testing.T) {
	stage := ".txcommit/stage/" + txid
	for name, forge := range map[string]func(w *world){
		"the stage folder": func(w *world) { w.rename(stage, "elsewhere"); w.must(os.Symlink("../../../outside", w.path(stage))) },
		"a subfolder": func(w *world) {
			w.rename(stage+"/0", "elsewhere")
			w.must(os.Symlink("../../../../outside", w.path(stage+"/0")))
		},
		"a staged file":     func(w *world) { w.swapForLink(w.staged(NewName(0))) },
		"a placeholder":     func(w *world) { w.swapForLink(w.staged(OldName(2))) },
		"the owner file":    func(w *world) { w.swapForLink(stage + OwnerSuffix) },
		"another dead one":  func(w *world) { w.must(os.Symlink("../../../outside", w.path(".txcommit/stage/dead"))) },
		"a link in trash":   func(w *world) { w.must(os.Symlink("../../../outside", w.path(".txcommit/trash/x"))) },
		"a link in history": func(w *world) { w.must(os.Symlink("../../../outside", w.path(".txcommit/history/x"))) },
	} {
		for _, state := range []journal.State{journal.Decided, journal.Aborting} {
			t.Run(name+" "+state.String(), func(t *testing.T) {
				w := besieged(t)
				w.put(state)
				forge(w)
				outside := w.outside()
				p, err := w.env.Look()
				if err == nil {
					_, err = w.env.Recover(p)
				}
				_ = w.env.EmptyTrash()
				w.same("recovered", outside, w.outside())
				t.Logf("recover: %v", err)
			})
		}
	}
}

func (w *world) swapForLink(p string) {
	w.Helper()
	w.rename(p, "elsewhere")
	w.must(os.Symlink(filepath.Join(filepath.Dir(w.root), "outside/T"), w.path(p)))
}

// FuzzRecover changes a record in every way, as fields and as bytes, gives it right checksums, and recovers it beside a real
// stage folder: see endure.
func FuzzRecover(f *testing.F) {
	f.Add(byte(0), "inner/deep", "T", "0", "e2", uint32(0), byte(1), byte(4), byte(journal.Decided), []byte{})
	f.Add(byte(1), "../outside", "T", "0", "e2", uint32(1), byte(1), byte(4), byte(journal.Decided), []byte{})
	f.Add(byte(2), "inner/deep", "..", "../../../..", "/", uint32(9), byte(2), byte(0), byte(journal.Aborting), []byte{1, 2, 3})
	f.Add(byte(5), "inner/deep", "e", "0", "../e", uint32(1), byte(4), byte(2), byte(journal.Kept), []byte{0, 40, 9})
	f.Add(byte(3), "inner", "d", "0", "e2", uint32(0), byte(3), byte(8), byte(journal.Abandoned), []byte{})
	f.Fuzz(func(t *testing.T, which byte, path, name, sub, toName string, index uint32, kind, flags, state byte, edits []byte) {
		w := besieged(t)
		r := w.rec
		s := &r.Steps[int(which)%len(r.Steps)]
		r.Parents[1].Path, r.Subs[0].Name, s.Name, s.ToName = path, sub, name, toName
		s.Parent, s.Kind, s.Flags = index, journal.StepKind(kind), journal.Flags(flags)
		b := w.payload(r)
		for ; len(edits) >= 3; edits = edits[3:] {
			b[int(binary.BigEndian.Uint16(edits))%len(b)] = edits[2]
		}
		w.forge(head(state, false, 1, uint64(len(b)), xxh3.Hash(b)), b)
		_ = w.endure()
	})
}
