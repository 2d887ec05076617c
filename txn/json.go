package txn

import (
	"bytes"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/txn/jsondoc"
	"github.com/txcommit/txcommit/txn/manifest"
)

// JSONOptions are the settings of UpdateJSON. The zero value is ready to use.
type JSONOptions struct {
	// Schema is a JSON Schema file (a path of the operating system) that the result must conform to; "" for none. It may
	// refer to other files beside it, and nothing is loaded from the network.
	Schema string
	// Missing is the text to start from where there is no file, "{}\n" say; the commit then asks that there still is none,
	// and a new file gets 0666 before the umask. With "" a missing file is an error that matches fs.ErrNotExist.
	Missing string
}

// UpdateJSON adds the write of a JSON file as edit leaves it. It reads path now, and edit changes the document, of which
// what it does not touch stays byte for byte: indentation, order of keys, the line break at the end, a byte order mark. At
// commit the file must still hold what was read, also if edit has changed nothing; otherwise that is ErrConflict, and the
// caller begins again with a new transaction. What is not valid JSON, or does not conform to the schema, is an error, the
// latter at commit; several files of one transaction change together or not at all.
//
//	err := st.Update(ctx, func(tx *txn.Tx) error {
//		for _, path := range []string{"package.json", "package-lock.json"} {
//			err := tx.UpdateJSON(path, func(d *jsondoc.Doc) error { return d.Set("1.5.0", "version") }, txn.JSONOptions{})
//			if err != nil {
//				return err
//			}
//		}
//		return nil
//	})
func (tx *Tx) UpdateJSON(path string, edit func(*jsondoc.Doc) error, o JSONOptions) error {
	clean, err := manifest.CleanPath(path, false)
	if err != nil {
		return &Error{Op: tx.len(), Path: path, Err: invalid{err}}
	}
	text, cond, err := tx.readJSON(clean, o)
	if err != nil {
		return &Error{Op: tx.len(), Path: path, Err: err}
	}
	doc, err := jsondoc.Parse(text)
	if err != nil {
		return &Error{Op: tx.len(), Path: path, Err: errors.Wrap(err, "is not valid JSON")}
	}
	if err := edit(doc); err != nil {
		return &Error{Op: tx.len(), Path: path, Err: err}
	}
	return tx.add(given{Op: manifest.Op{
		Kind: manifest.Write, Path: clean, Content: doc.Bytes(), Format: "json", Schema: o.Schema,
	}, marked: cond != IfAbsent() && bytes.HasPrefix(text, []byte(byteOrderMark))}, []Cond{cond})
}

// readJSON reads a file of the tree, and returns the condition that it stays so.
func (tx *Tx) readJSON(path string, o JSONOptions) ([]byte, Cond, error) {
	if err := tx.set(func() {}); err != nil {
		return nil, Cond{}, err
	}
	f, err := tx.store.files.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) && o.Missing != "" {
		return []byte(o.Missing), IfAbsent(), nil
	}
	if err != nil {
		return nil, Cond{}, ofPath("open", path, err)
	}
	defer f.Close()
	if i, err := f.Stat(); err == nil && !i.Mode().IsRegular() && !i.IsDir() {
		return nil, Cond{}, errors.New("is a special file (FIFO, socket or device)")
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, Cond{}, ofPath("read", path, err)
	}
	return text, IfSHA256(sha256.Sum256(text)), nil
}

// ofPath gives an error of an os.Root, which may name the file as it was opened, the user's path. What package os has no
// errno for is a path that leads outside.
func ofPath(op, path string, err error) error {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return &fs.PathError{Op: op, Path: path, Err: errno}
	case errors.Is(err, fs.ErrClosed):
		return ErrClosed
	}
	return &fs.PathError{Op: op, Path: path, Err: ErrEscapes}
}

// len is the number of ops so far.
func (tx *Tx) len() int {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return len(tx.ops)
}
