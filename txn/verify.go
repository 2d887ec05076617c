package txn

import (
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
		if err := checkJSON(c); err != nil {
			return err
		}
	}
	if o.Schema != "" {
		return tx.schemas.conforms(c, o.beside(o.Schema))
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

// checkJSON reads the content as one strict JSON value.
func checkJSON(c content) error {
	r, err := c.open()
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
