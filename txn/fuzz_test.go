//go:build unix

package txn_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// hostileRoot is a root full of links that lead out, round and into the state folder.
var hostileRoot = []string{
	"f=file", "d/g=deep", "d/e/h=deeper", "up->../outside", "upfile->../outside/sentinel", "d/up->../../outside", "root->.", "self->self",
	"a->b", "b->c", "c->up/sub", "state->.txcommit", "dd->d", "dangling->nowhere", "etc->/etc", "proc->/proc/self/cwd", "sub/.txcommit/format={}", "sub/x=theirs", "p|",
	"parent->d/..", "over->d/../../outside",
}

var fuzzSeeds = []string{
	`{"version":1,"ops":[{"op":"write","path":"f","content":"new"},{"op":"write","path":"n/new","base64":"aGk=","mode":"4755"}]}`,
	`{"version":1,"ops":[{"op":"write","path":"up/evil","content":"x"}]}`,
	`{"version":1,"ops":[{"op":"write","path":"over/evil","content":"x"},{"op":"write","path":"c/evil","content":"x"}]}`,
	`{"version":1,"ops":[{"op":"write","path":"upfile","content":"x","expect":"present"}]}`,
	`{"version":1,"ops":[{"op":"chmod","path":"upfile","mode":"0777"},{"op":"chmod","path":"dd/g","mode":"0000"}]}`,
	`{"version":1,"ops":[{"op":"remove","path":"up","recursive":true},{"op":"remove","path":"d/up/sub","recursive":true,"missing":"ok"}]}`,
	`{"version":1,"ops":[{"op":"remove","path":"d","recursive":true},{"op":"remove","path":"etc","recursive":true}]}`,
	`{"version":1,"ops":[{"op":"rename","from":"up","to":"d/moved"},{"op":"write","path":"d/moved/x","content":"y"}]}`,
	`{"version":1,"ops":[{"op":"rename","from":"d","to":"e"},{"op":"rename","from":"f","to":"d"}]}`,
	`{"version":1,"ops":[{"op":"rename","from":"d","to":"dd/x","replace":true},{"op":"symlink","path":"d","target":"../outside"}]}`,
	`{"version":1,"ops":[{"op":"mkdir","path":"a/b/c","mode":"7777"},{"op":"mkdir","path":"parent"},{"op":"mkdir","path":"root/z"}]}`,
	`{"version":1,"ops":[{"op":"symlink","path":"l","target":"../outside"},{"op":"write","path":"l/x","content":"y"}]}`,
	`{"version":1,"ops":[{"op":"tree","path":".","source":"src","prune":true}]}`,
	`{"version":1,"ops":[{"op":"tree","path":".","source":"src","prune":true,"exclude":["**"]},{"op":"write","path":"state/x","content":""}]}`,
	`{"version":1,"ops":[{"op":"tree","path":"up","source":"src","move":true},{"op":"tree","path":"d","source":"src/links","times":true}]}`,
	`{"version":1,"ops":[{"op":"tree","path":"d","source":"src","prune":true,"move":true}]}`,
	`{"version":1,"ops":[{"op":"tree","path":"sub","source":"src"},{"op":"write","path":"sub/x","content":""}]}`,
	`{"version":1,"id":"x","message":"y","ops":[{"op":"write","path":"g","source":"src/a","sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4f72b9807785afee48bb"}]}`,
	`{"version":1,"ops":[]}`,
}

// FuzzManifest commits whatever the parser accepts in a root full of hostile links. Nothing beside the root may change,
// nothing in another store, nothing at all in the root when there is an error; and the store works afterwards.
func FuzzManifest(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := manifest.Parse("fuzz.json", bytes.NewReader(text))
		if err != nil || leavesScratch(m) {
			t.Skip()
		}
		dir := memoryDir(t)
		plant(t, dir, "outside/sentinel=safe", "outside/sub/sentinel=safe", "src/a=a", "src/d/g=new", "src/links/up->../../outside", "src/links/f->../a")
		plant(t, filepath.Join(dir, "root"), hostileRoot...)
		before := wholeTree(t, dir)
		st := open(t, filepath.Join(dir, "root"), &txn.Options{Durability: txn.Process})
		err = fuzzCommit(t, st, m, dir)
		if errors.Is(err, txn.ErrIncomplete) {
			t.Fatalf("%s\n%v", text, err)
		}
		after := wholeTree(t, dir)
		keepInside(t, before, after, err != nil, moves(m))
		checkLitter(t, filepath.Join(dir, "root"), err == nil && exists(filepath.Join(dir, "root/.txcommit/format")))
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func fuzzCommit(t *testing.T, st *txn.Store, m *manifest.Manifest, dir string) error {
	tx, err := st.Begin(t.Context())
	must(t, err)
	defer tx.Rollback()
	if err := tx.Apply(m, dir); err != nil {
		return err
	}
	_, err = tx.Commit(t.Context())
	return err
}

// leavesScratch says that a source is not one of the test's own: sources may lie anywhere, and a tree may consume its.
func leavesScratch(m *manifest.Manifest) bool {
	for _, o := range m.Ops {
		s := o.Source
		if s != "" && (filepath.IsAbs(s) || !filepath.IsLocal(s) || s != "src" && !strings.HasPrefix(s, "src/") || strings.Contains(s, "links/up")) {
			return true
		}
	}
	return false
}

func moves(m *manifest.Manifest) bool {
	for _, o := range m.Ops {
		if o.Move {
			return true
		}
	}
	return false
}

// keepInside compares all that the transaction must not have touched.
func keepInside(t *testing.T, before, after map[string]string, failed, moved bool) {
	t.Helper()
	for _, all := range []map[string]string{before, after} {
		for p := range all {
			in := strings.HasPrefix(p, "root/") && !strings.HasPrefix(p, "root/sub/") || p == "root"
			if in && !failed || moved && !failed && (p == "src" || strings.HasPrefix(p, "src/")) {
				delete(all, p)
			}
		}
	}
	compareTrees(t, before, after)
}
