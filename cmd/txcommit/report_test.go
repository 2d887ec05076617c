package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// committed is the report of a commit with the given result.
func committed(res txn.Result, key string) *commitReport {
	r := newCommitReport()
	r.took(&res, key)
	return r
}

// TestText checks what people read.
func TestText(t *testing.T) {
	recovered := []txn.Recovery{{ID: "T0", Outcome: "completed", Displaced: []string{".txcommit/displaced/x"}}}
	tests := []struct {
		name string
		rep  report
		want string
	}{
		{
			"commit", committed(txn.Result{
				ID: "T", Committed: true, Created: 1, Changed: 3, Removed: 1, Unchanged: 214,
				Bytes: 437, Duration: 6100 * time.Microsecond,
			}, ""),
			"committed T: 1 created, 3 changed, 1 removed, 214 unchanged (437 bytes) in 6.1 ms\n",
		},
		{
			"slow commit of a byte", committed(txn.Result{ID: "T", Committed: true, Bytes: 1, Duration: 61 * time.Second}, ""),
			"committed T: 0 created, 0 changed, 0 removed, 0 unchanged (1 byte) in 61.0 s\n",
		},
		{"nothing to do", committed(txn.Result{Committed: true, Unchanged: 214}, "k"), "nothing to do: 214 unchanged\n"},
		{
			"repeated", committed(txn.Result{ID: "T", Committed: true, Repeated: true}, "x"),
			"already committed as id \"x\": nothing to do\n",
		},
		{"failed", committed(txn.Result{ID: "T", Created: 1}, ""), ""},
		{
			"after recovery", committed(txn.Result{
				Committed: true, Recovered: recovered,
				Displaced: []string{".txcommit/displaced/x", ".txcommit/displaced/a\n"},
			}, ""),
			"recovered T0: completed\n" +
				"kept: \".txcommit/displaced/a\\n\" (was in the way)\nkept: .txcommit/displaced/x (was in the way)\n" +
				"nothing to do: 0 unchanged\n",
		},
		{
			"torn and kept", newRecoverReport("", &txn.Report{
				Recovered: []txn.Recovery{{ID: "T0", Outcome: "torn", Torn: []string{"a\n", "b"}}},
				Displaced: []string{
					".txcommit/displaced/019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f",
					".txcommit/displaced/019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f-0-x",
					".txcommit/displaced/journal.db.20261123T075533.279362348",
				},
			}),
			"recovered T0: torn\ntorn: \"a\\n\" (to be written again)\ntorn: b (to be written again)\n" +
				"kept: .txcommit/displaced/019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f (what was left of the transaction)\n" +
				"kept: .txcommit/displaced/019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f-0-x (was in the way)\n" +
				"kept: .txcommit/displaced/journal.db.20261123T075533.279362348 (set aside for a new one)\n",
		},
		{
			"rebuilt with a transaction unended", newRecoverReport("", &txn.Report{Rebuilt: true, Unended: true}),
			"rebuilt: the journal is new, and the old one is set aside\n" +
				"the tree may hold half of a transaction; the rest of its files are in the folders kept above\n",
		},
		{"intact", newRecoverReport("", &txn.Report{Intact: true}), "the journal can be read: nothing to rebuild\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkText(t, tt.rep, tt.want) })
	}
}

func checkText(t *testing.T, rep report, want string) {
	t.Helper()
	if got := rep.text(); got != want {
		t.Errorf("text() = %q, want %q", got, want)
	}
}

// TestTextOfState pins the text of what recover and status say.
func TestTextOfState(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	recovered := []txn.Recovery{{ID: "T0", Outcome: "completed", Displaced: []string{".txcommit/displaced/x"}}}
	tests := []struct {
		name string
		rep  report
		want string
	}{
		{
			"plan", newPlanReport(&txn.Plan{Created: 1, Changed: 2, Removed: 1, Unchanged: 1, Bytes: 2, Changes: []txn.Change{
				{Symbol: '+', Path: "a/b"},
				{Symbol: '~', Path: "c"},
				{Symbol: '-', Path: "d\n"},
				{Symbol: '=', Path: "e"},
				{Symbol: '>', Path: "to", From: "from"},
				{Symbol: 'm', Path: "run.sh"},
			}}, false),
			"+ a/b\n~ c\n- \"d\\n\"\n> from -> to\nm run.sh\n" +
				"plan: 1 to create, 2 to change, 1 to remove, 1 unchanged (2 bytes)\n",
		},
		{
			"plan of nothing", newPlanReport(&txn.Plan{Unchanged: 1, Changes: []txn.Change{{Symbol: '=', Path: "e"}}}, false),
			"nothing to do: 1 unchanged\n",
		},
		{"recover: clean", newRecoverReport("", &txn.Report{}), "clean: nothing to recover\n"},
		{"recover: swept", newRecoverReport("", &txn.Report{Swept: 2}), "swept 2 leftovers of dead processes\n"},
		{"recover: done", newRecoverReport("", &txn.Report{Recovered: recovered, Swept: 1}), "recovered T0: completed\n" +
			"kept: .txcommit/displaced/x (was in the way)\nswept 1 leftover of dead processes\n"},
		{"recover: incomplete", newRecoverReport("", &txn.Report{Recovered: []txn.Recovery{
			{ID: "T", Outcome: "incomplete", Message: "parent\nis gone"},
		}}), "not recovered T: incomplete (parent\\nis gone)\n"},
		{"status: clean", newStatusReport(&txn.State{State: "clean", Store: "S"}), "clean\n"},
		{"status: no store", newStatusReport(&txn.State{State: "clean"}), "clean: no store here yet\n"},
		{"status: busy", newStatusReport(&txn.State{
			State: "busy", Store: "S",
			Holder: &txn.Holder{PID: 7, Host: "h", Since: since},
		}), "busy: held by pid 7 on h since 2026-01-02T03:04:05Z\n"},
		{
			"status: pending", newStatusReport(&txn.State{State: "pending", Store: "S", Pending: recovered, Leftovers: 1}),
			"pending: 1 transaction to recover\npending T0: completed\n1 leftover of dead processes to sweep\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkText(t, tt.rep, tt.want) })
	}
}

// TestJSONShape pins the fields of each kind of report, and that no array is null.
func TestJSONShape(t *testing.T) {
	const commit = `"created":0,"changed":0,"removed":0,"unchanged":0,"bytes":0,"kept_bytes":0,"duration_ms":0,"recovered":[],"displaced":[]`
	tests := []struct {
		name string
		rep  report
		want string
	}{
		{"commit", committed(txn.Result{ID: "T", Committed: true}, ""), `{"result":"committed","id":"T",` + commit + `}`},
		{"plan", newPlanReport(&txn.Plan{}, false), `{"result":"planned","id":"",` + commit + `,"changes":[]}`},
		{"recover", newRecoverReport("", &txn.Report{}), `{"result":"clean","recovered":[],"swept":0,"displaced":[]}`},
		{
			"recovered", newRecoverReport("", &txn.Report{Recovered: []txn.Recovery{{ID: "T", Outcome: "completed"}}}),
			`{"result":"recovered","recovered":[{"id":"T","outcome":"completed","message":""}],"swept":0,"displaced":[]}`,
		},
		{
			"status", newStatusReport(&txn.State{State: "clean"}),
			`{"state":"clean","store":"","pending":[],"leftovers":0,"displaced":[],"undoable":0,"kept_bytes":0}`,
		},
		{
			"status: busy", newStatusReport(&txn.State{State: "busy", Store: "S", Holder: &txn.Holder{PID: 7, Host: "h"}}),
			`{"state":"busy","store":"S","holder":{"pid":7,"host":"h","since":"0001-01-01T00:00:00Z"},` +
				`"pending":[],"leftovers":0,"displaced":[],"undoable":0,"kept_bytes":0}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, _ := newTestApp("json")
			if err := a.print(tt.rep); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(stdout.String()); got != tt.want {
				t.Errorf("JSON is %s, want %s", got, tt.want)
			}
		})
	}
}

// TestChangesInJSON checks the lines of a plan: from only for a rename, and nothing about unchanged paths.
func TestChangesInJSON(t *testing.T) {
	r := newPlanReport(&txn.Plan{Changes: []txn.Change{
		{Symbol: '=', Path: "a"}, {Symbol: '+', Path: "b"}, {Symbol: '>', Path: "d", From: "c"},
	}}, false)
	got, err := json.Marshal(r.Changes)
	want := `[{"symbol":"+","path":"b"},{"symbol":">","path":"d","from":"c"}]`
	if err != nil || !bytes.Equal(bytes.ReplaceAll(got, []byte(`\u003e`), []byte(">")), []byte(want)) {
		t.Errorf("changes are %s, %v, want %s", got, err, want)
	}
}

// TestUnchangedNotCleaned has nothing to do, and cannot clean up: the result stays unchanged, beside the warning.
func TestUnchangedNotCleaned(t *testing.T) {
	a, stdout, stderr := newTestApp("text")
	a.report = committed(txn.Result{Committed: true, Unchanged: 2}, "")
	code := a.finish(at(atCleanup, errors.New("src: permission denied")))
	if want := "nothing to do: 2 unchanged\n"; code != exitCleanup || stdout.String() != want {
		t.Errorf("finish = %d, %q; want %d, %q", code, stdout, exitCleanup, want)
	}
	if want := "txcommit: warning: nothing to do, but not cleaned up: src: permission denied\n"; !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("standard error %q, want it to begin with %q", stderr, want)
	}
}

// TestReportBefore checks that an error of opening the store does not hide what recovery had done until then.
func TestReportBefore(t *testing.T) {
	r := newCommitReport()
	r.before(at(atStore, &txn.RecoveryError{
		Report: txn.Report{
			Recovered: []txn.Recovery{{ID: "T0", Outcome: "torn", Torn: []string{"f"}, Displaced: []string{"x"}}},
			Displaced: []string{"x"},
		},
		Err: txn.ErrIncomplete,
	}))
	r.fail("incomplete", &failure{})
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"result":"incomplete"`, `"recovered":[{"id":"T0","outcome":"torn","message":"","torn":["f"]}]`, `"displaced":["x"]`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("report %s, want it to have %s", got, want)
		}
	}
}
