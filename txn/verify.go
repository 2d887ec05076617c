package txn

import (
	"bufio"
	"crypto/sha256"
	"io"

	"github.com/cockroachdb/errors"
	"github.com/go-json-experiment/json/jsontext"
)

// checkContent checks the new content of a want against the digest, the format and the schema that its op asks for, before
// anything changes.
func (tx *Tx) checkContent(w *want) error {
	o, c := &tx.ops[w.op], w.content(tx.ops)
	if o.SHA256 != nil {
		if err := checkDigest(c, *o.SHA256); err != nil {
			return err
		}
	}
	if o.Format == "json" || o.Schema != "" {
		if err := checkJSON(c, o.marked); err != nil {
			return err
		}
	}
	if o.Schema != "" {
		return tx.schemas.conforms(c, o.marked, o.beside(o.Schema))
	}
	return nil
}

func checkDigest(c content, want [sha256.Size]byte) error {
	r, err := c.open()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	if got := [sha256.Size]byte(h.Sum(nil)); got != want {
		return errors.Newf("the new content has sha256 %x, not %x as its op says", got, want)
	}
	return nil
}

const byteOrderMark = "\ufeff"

// openJSON opens a content at the beginning of its JSON text. A byte order mark before that, which RFC 8259, 8.1 forbids
// to generate and many readers refuse, is an error unless the file has had it already: marked.
func openJSON(c content, marked bool) (io.ReadCloser, error) {
	r, err := c.open()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(r, 64<<10)
	start, _ := in.Peek(len(byteOrderMark)) // the next Read has the error
	if string(start) == byteOrderMark {
		if !marked {
			_ = r.Close()
			return nil, errors.New("the new content is not valid JSON: it begins with a byte order mark; save it as UTF-8 without BOM")
		}
		_, _ = in.Discard(len(start))
	}
	return struct {
		io.Reader
		io.Closer
	}{in, r}, nil
}

// checkJSON reads the content as one strict JSON value.
func checkJSON(c content, marked bool) error {
	r, err := openJSON(c, marked)
	if err != nil {
		return err
	}
	defer r.Close()
	d := jsontext.NewDecoder(r)
	if err := d.SkipValue(); err != nil {
		return errors.Wrap(noEOF(err), "the new content is not valid JSON")
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return errors.Newf("the new content is not valid JSON: there is more after the value, at byte %d", d.InputOffset())
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
