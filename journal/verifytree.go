package journal

import "bytes"

// walk goes through the tree of one bucket, in the order of its keys.
type walk struct {
	top   bool   // it is the bucket of the buckets
	last  []byte // the key before
	depth int
}

// tree checks the tree whose root is a page.
func (v *verifier) tree(id uint64, w *walk) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	if native.Uint16(b[10:]) == 0 {
		return damaged("page %d is empty", id)
	}
	_, err = v.elements(b, w)
	return err
}

// bucket checks an element of the topmost bucket: each one is a bucket, and there are none below.
func (v *verifier) bucket(flags uint32, value []byte) error {
	if flags != 1 || len(value) < bucketSize {
		return damaged("there is something else than a bucket")
	}
	root, inline := native.Uint64(value), value[bucketSize:]
	switch {
	case root != 0 && len(inline) == 0:
		return v.tree(root, &walk{})
	case root != 0 || len(inline) < pageHeader || native.Uint16(inline[8:]) != leafPage:
		return damaged("a bucket has no page")
	}
	end, err := v.elements(inline, &walk{})
	if err == nil && end != len(inline) {
		err = damaged("a bucket is longer than its elements")
	}
	return err
}

// elements checks the elements of a page and what is below them, and returns where they end.
func (v *verifier) elements(b []byte, w *walk) (end int, err error) {
	flags, n := native.Uint16(b[8:]), int(native.Uint16(b[10:]))
	end = pageHeader + n*elementSize
	if flags != branchPage && flags != leafPage || end > len(b) {
		return 0, damaged("page %d is not of a tree", native.Uint64(b))
	}
	if w.depth++; w.depth > maxDepth {
		return 0, damaged("the tree is too deep")
	}
	for i := range n {
		at := pageHeader + i*elementSize
		e := b[at : at+elementSize]
		pos, ksize, vsize := native.Uint32(e), native.Uint32(e[4:]), uint32(0)
		if flags == leafPage {
			pos, ksize, vsize = ksize, native.Uint32(e[8:]), native.Uint32(e[12:])
		}
		if at+int(pos) != end || ksize == 0 || uint64(ksize)+uint64(vsize) > uint64(len(b)-end) {
			return 0, damaged("element %d of page %d is not where it should be", i, native.Uint64(b))
		}
		key, value := b[end:end+int(ksize)], b[end+int(ksize):end+int(ksize+vsize)]
		end += int(ksize + vsize)
		// The first key of a page may be that by which its parent knows it.
		if c := bytes.Compare(key, w.last); c < 0 || c == 0 && i > 0 {
			return 0, damaged("element %d of page %d is out of order", i, native.Uint64(b))
		}
		w.last = key
		switch {
		case flags == branchPage:
			err = v.tree(native.Uint64(e[8:]), w)
		case w.top:
			err = v.bucket(native.Uint32(e), value)
		case native.Uint32(e) != 0:
			err = damaged("there is a bucket in a bucket")
		}
		if err != nil {
			return 0, err
		}
	}
	w.depth--
	return end, nil
}
