package txn

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// makeDurable is barrier 1: staged content, the content of renamed files, and every folder in which this transaction,
// or the making of the store, has made a name. Were the name stage/<id> lost while the record stays, recovery would
// take the transaction for finished.
func (g *group) makeDurable() error {
	defer g.closeSteps()
	ses := g.ses
	var bytes int64
	var files int
	for _, m := range g.members {
		bytes, files = bytes+m.stage.bytes.Load(), files+len(m.stage.staged.items)
		m.c.tx.progress.begin(PhaseSync, len(m.stage.staged.items), m.stage.bytes.Load())
	}
	first := g.members[0]
	if first.rec.Process {
		if !ses.made {
			return nil
		}
		return syncFolders(ses.env.State, ses.env.Root) // a journal that can be lost is none
	}
	whole, err := recovery.UseSyncFS(first.stage.dir, bytes, files)
	if err != nil {
		return stageError("statfs", err)
	}
	for _, m := range g.members {
		if err := m.stage.syncOuters(whole, bytes, files); err != nil {
			return err
		}
	}
	if whole {
		for _, m := range g.members {
			m.stage.waitWrites(files <= kickLimit)
		}
		return stageError("sync", ses.env.DB.Settle(g.oldest().dir.SyncFS))
	}
	for _, m := range g.members {
		if err := errors.Join(m.stage.syncEach(ses.env.DB), m.scan.syncTwins()); err != nil {
			return err
		}
	}
	// history/ may have got its newest folder without a sync.
	return syncFolders(first.stage.stages, ses.env.History, ses.env.State, ses.env.Root)
}

// closeSteps closes the files of steps: Windows renames no folder in which something is open.
func (g *group) closeSteps() {
	for _, m := range g.members {
		if s := m.stage; s.steps != nil {
			_ = s.steps.Close()
			s.steps = nil
		}
	}
}

// oldest is the stage folder that was opened first: a syncfs through it tells the errors of all writes since then.
func (g *group) oldest() *stage {
	return slices.MinFunc(g.members, func(a, b *member) int { return a.stage.opened.Compare(b.stage.opened) }).stage
}

// syncTwins makes the new names of renames durable that are links to the renamed file already: there is no step for them,
// and if somebody has made one a moment ago, a power cut after the removal of the old name would take the file's last name.
func (s *scan) syncTwins() error {
	for _, w := range s.byPath.items {
		if w.kind != wantLinked || w.inside() != nil || w.info.ID != w.from.info.ID {
			continue
		}
		d, err := s.res.handle(w.folder)
		if err == nil {
			err = syncFolder(d)
		}
		if err != nil {
			return pathError("sync", w.said(), err)
		}
	}
	return nil
}

// waitWrites waits for what StartWrite has begun, so that the syncfs after it commits once. The errors of the writes
// are told by the syncfs. Of many files none is waited for: see kickLimit.
func (s *stage) waitWrites(few bool) {
	if s.steps != nil {
		_ = fsys.WaitWrite(s.steps)
	}
	if !few {
		return
	}
	for _, st := range s.staged.items {
		if st.kind != fsys.File {
			continue
		}
		in, at := s.where(st.at())
		if f, err := in.Open(at); err == nil {
			_ = fsys.WaitWrite(f)
			_ = f.Close()
		}
	}
}

const parallelSyncs = 32

// syncEach makes every staged file and folder durable by a sync of its own, and the journal as it is.
func (s *stage) syncEach(db *journal.DB) error {
	var g errgroup.Group
	g.SetLimit(parallelSyncs)
	g.Go(func() error { return recovery.PathErrno("sync", statePath(journalFile), bareErrno(db.Settle(nil))) })
	if s.steps != nil {
		g.Go(func() error { return stageError("sync", fsys.SyncFile(s.steps)) })
	}
	s.syncStaged(&g, nil)
	for sub := range s.folders {
		g.Go(func() error { return stageError("sync", s.syncFolder(subName(sub))) })
	}
	g.Go(func() error { return stageError("sync", syncFolder(s.dir)) })
	return g.Wait()
}

// syncStaged makes durable what is staged in an outer folder, or, with nil, in the stage folder.
func (s *stage) syncStaged(g *errgroup.Group, o *outer) {
	for _, st := range s.staged.items {
		if s.outerNamed(st.top().sub) == o {
			g.Go(func() error { return pathError("sync", st.full, s.syncOne(st)) })
		}
	}
}

// syncOuters makes the outer folders durable, with what is staged in them and their names. Each file system has its own
// barrier; of one file system there may be several mounts. whole says that the stage folder's will get a syncfs.
func (s *stage) syncOuters(whole bool, bytes int64, files int) error {
	done := map[uint64]bool{s.home.dev: whole}
	for _, o := range s.outers {
		if done[o.dev] {
			continue
		}
		one, err := recovery.UseSyncFS(o.dir, bytes, files)
		if err == nil && one {
			s.waitWrites(files <= kickLimit)
			err = o.dir.SyncFS()
			done[o.dev] = true
		}
		if err != nil {
			return recovery.PathError("sync", o.path(), err)
		}
		if one {
			continue
		}
		var g errgroup.Group
		g.SetLimit(parallelSyncs)
		s.syncStaged(&g, o)
		g.Go(func() error {
			return recovery.PathError("sync", o.path(), errors.Join(syncFolder(o.dir), syncFolder(o.in)))
		})
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) syncOne(st *staged) error {
	in, at := s.where(st.at())
	switch st.kind {
	case fsys.File:
		f, err := in.Open(at)
		if err != nil {
			return err
		}
		defer f.Close()
		return fsys.SyncFile(f)
	case fsys.Folder:
		return s.syncFolder(st.at())
	case fsys.Absent, fsys.Link, fsys.Special:
	}
	return nil
}

func (s *stage) syncFolder(at string) error {
	in, at := s.where(at)
	d, err := in.Sub(at)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncFolder(d)
}

func syncFolders(dirs ...*fsys.Dir) error {
	for _, d := range dirs {
		if err := syncFolder(d); err != nil {
			return recovery.PathError("sync", journal.StateFolder, err)
		}
	}
	return nil
}

// syncFolder lets a file system pass that cannot sync folders: it makes their names durable in other ways, or not at
// all, and there is nothing better to be had.
func syncFolder(d *fsys.Dir) error {
	if err := d.Sync(); !errors.Is(err, fsys.ErrUnsupported) {
		return err
	}
	return nil
}

// levelProcess notes in the record what is needed to tell, after a restart, whether its changes have survived. before
// are the records of level process that are there already.
func (p *preparer) levelProcess(boot recovery.BootMount, before []*journal.Record) (err error) {
	p.rec.Process, p.rec.Boot, p.rec.Mount = true, boot.Boot, boot.Mount
	for _, r := range before {
		p.rec.Seq = max(p.rec.Seq, r.Seq+1)
	}
	for i := range p.rec.Steps {
		s := &p.rec.Steps[i]
		if s.Kind != journal.Install {
			continue
		}
		at := strings.Join([]string{p.rec.Subs[s.Sub].Name, recovery.NewName(s.Num)}, "/")
		if s.Digest, err = recovery.ContentDigest(p.stage.dir, at); err != nil {
			return stageError("read", err)
		}
	}
	return nil
}
