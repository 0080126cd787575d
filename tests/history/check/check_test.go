package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// ---- histories made by hand --------------------------------------------------------------------

// A call of `client` from one time to another, on group 0. Conditions hold always, but for putIf.
func call(client, from, to uint64, what kind) record {
	return record{Client: client, CallNs: from, ReturnNs: to, Kind: what,
		Version: [nNames]uint64{anything, anything, anything, anything}}
}

func get(client, from, to uint64, name int, value, version uint64) record {
	r := call(client, from, to, kindGet)
	r.Version = [nNames]uint64{}
	r.Action[name], r.Value[name], r.Version[name] = reads, value, version
	if value == absent {
		r.Result = notFound
	}
	return r
}

func put(client, from, to uint64, name int, value, number uint64) record {
	r := call(client, from, to, kindPut)
	r.Action[name], r.Value[name], r.Number = puts, value, number
	return r
}

func putIf(client, from, to uint64, name int, value, condition, number uint64,
	result int64) record {
	r := put(client, from, to, name, value, number)
	r.Version[name], r.Result = condition, result
	return r
}

func batch(client, from, to uint64, values [2]uint64, number uint64) record {
	r := call(client, from, to, kindBatch)
	r.Action = [nNames]uint64{puts, puts}
	r.Value, r.Number = [nNames]uint64{values[0], values[1]}, number
	return r
}

func many(client, from, to uint64, values, versions [nNames]uint64, number uint64) record {
	r := call(client, from, to, kindMany)
	r.Action = [nNames]uint64{reads, reads, reads, reads}
	r.Value, r.Version, r.Number = values, versions, number
	return r
}

func remove(client, from, to uint64, name int, result int64) record {
	r := call(client, from, to, kindDelete)
	r.Action[name], r.Result = deletes, result
	return r
}

// killed is the same call without a result, its process dead by the time of its return.
func killed(r record) record {
	r.IsOpen, r.Number, r.Result = 1, 0, 0
	return r
}

// verdict checks a copy, as it would come from the recorder.
func verdict(t *testing.T, records []record) error {
	t.Helper()
	var stream bytes.Buffer
	h := history{head{Magic: magic, NRecords: uint64(len(records)), Committed: 100}, records}
	if err := h.write(&stream); err != nil {
		t.Fatal(err)
	}
	var total tally
	wrong, broken := checkAll(&stream, t.TempDir(), time.Minute, &total)
	if broken != nil || total.undecided != 0 {
		t.Fatal(broken, total)
	}
	return wrong
}

func accepted(t *testing.T, records ...record) {
	t.Helper()
	if err := verdict(t, records); err != nil {
		t.Error(err)
	}
}

func refused(t *testing.T, why string, records ...record) {
	t.Helper()
	err := verdict(t, records)
	if err == nil {
		t.Fatal("accepted")
	}
	if !strings.Contains(err.Error(), why) {
		t.Errorf("refused for another reason: %v", err)
	}
}

const noOrder = "no order explains"

func TestWhatOverlapsMayGoEitherWay(t *testing.T) {
	accepted(t, put(1, 1, 2, 0, 7, 101), put(1, 3, 9, 0, 8, 102), get(2, 4, 5, 0, 7, 101),
		get(2, 6, 7, 0, 8, 102))
	accepted(t, put(1, 1, 5, 0, 7, 101), get(2, 5, 6, 0, absent, 0)) // at one time: no order is known
}

func TestAStaleRead(t *testing.T) {
	refused(t, noOrder, put(1, 1, 2, 0, 7, 101), put(1, 3, 4, 0, 8, 102), get(2, 5, 6, 0, 7, 101))
	refused(t, noOrder, put(1, 1, 2, 0, 7, 101), get(2, 3, 4, 0, absent, 0))
	refused(t, noOrder, put(1, 1, 2, 0, 7, 101), remove(1, 3, 4, 0, ok), get(2, 5, 6, 0, 7, 101))
}

func TestTheOldAfterTheNew(t *testing.T) {
	refused(t, noOrder, put(1, 1, 2, 0, 7, 101), put(1, 3, 9, 0, 8, 102),
		get(2, 4, 5, 0, 8, 102), get(3, 6, 7, 0, 7, 101))
}

func TestALostUpdate(t *testing.T) {
	first := put(1, 1, 2, 0, 7, 101)
	accepted(t, first, putIf(1, 3, 9, 0, 8, 101, 102, ok), putIf(2, 3, 9, 0, 9, 101, 0, stale))
	refused(t, noOrder, first, putIf(1, 3, 9, 0, 8, 101, 102, ok), putIf(2, 3, 9, 0, 9, 101, 103, ok))
	refused(t, noOrder, first, putIf(1, 3, 9, 0, 8, 101, 0, stale),
		putIf(2, 3, 9, 0, 9, 101, 0, stale))
	refused(t, noOrder, putIf(1, 1, 9, 0, 8, 0, 101, ok), putIf(2, 1, 9, 0, 9, 0, 102, ok))
}

func TestATornBatch(t *testing.T) {
	before, after := batch(1, 1, 2, [2]uint64{7, 8}, 101), batch(1, 3, 9, [2]uint64{9, 10}, 102)
	accepted(t, before, after, many(2, 4, 5, [nNames]uint64{9, 10}, [nNames]uint64{102, 102}, 102))
	refused(t, noOrder, before, after,
		many(2, 4, 5, [nNames]uint64{9, 8}, [nNames]uint64{102, 101}, 102))
	refused(t, noOrder, before, after, get(2, 4, 5, 1, 10, 102), get(2, 6, 7, 0, 7, 101))
}

func TestATornValue(t *testing.T) {
	refused(t, noOrder, put(1, 1, 2, 0, 7, 101), get(2, 3, 4, 0, ^uint64(0), 101))
	refused(t, noOrder, put(1, 1, 2, 0, 7, 101), get(2, 3, 4, 0, 7, 102))
}

func TestAChangeThatSomebodyWasKilledIn(t *testing.T) {
	first, second := put(1, 1, 2, 0, 7, 101), killed(put(1, 3, 5, 0, 8, 0))
	accepted(t, first, second, get(2, 6, 7, 0, 7, 101))
	accepted(t, first, second, get(2, 6, 7, 0, 8, 102))
	accepted(t, first, second, get(2, 4, 4, 0, 7, 101), get(2, 6, 7, 0, 8, 102))
	refused(t, noOrder, first, second, get(2, 6, 7, 0, 8, 102), get(2, 8, 9, 0, 7, 101))
	refused(t, "after their end", first, second, get(2, 6, 7, 0, 7, 101), get(2, 8, 9, 0, 8, 102))
	half := killed(batch(1, 3, 5, [2]uint64{8, 9}, 0))
	refused(t, noOrder, first, half, get(2, 6, 7, 0, 8, 102), get(2, 8, 9, 1, absent, 0))
	accepted(t, first, killed(remove(1, 3, 5, 0, ok)), get(2, 6, 7, 0, absent, 0))
}

func TestNumbers(t *testing.T) {
	other := put(2, 3, 4, 0, 8, 101)
	other.Group = 1
	refused(t, "commit 102 was known", put(1, 1, 2, 0, 7, 102), other)
	other.Number = 102
	refused(t, "two commits", put(1, 1, 2, 0, 7, 102), other)
	refused(t, "commit 102 was known", put(1, 1, 2, 0, 7, 102),
		many(2, 3, 4, [nNames]uint64{}, [nNames]uint64{}, 101))
	refused(t, "above its number", put(1, 1, 3, 0, 7, 102),
		many(2, 2, 4, [nNames]uint64{7}, [nNames]uint64{102}, 101))
	// A state as of 103 that lacks what was committed as 102.
	refused(t, noOrder, put(1, 1, 5, 0, 7, 102),
		many(2, 2, 3, [nNames]uint64{}, [nNames]uint64{}, 103))
}

func TestAStreamThatEndsEarly(t *testing.T) {
	var stream bytes.Buffer
	h := history{head{Magic: magic, NRecords: 2}, []record{put(1, 1, 2, 0, 7, 101)}}
	if err := h.write(&stream); err != nil {
		t.Fatal(err)
	}
	wrong, broken := checkAll(&stream, t.TempDir(), time.Minute, new(tally))
	if wrong != nil || broken == nil {
		t.Error(wrong, broken)
	}
}

// ---- recorded histories, altered ---------------------------------------------------------------

// overwritten gives, of the name that a call read, who put an older value, where the one that it
// read was there before the call began, and no delete can have been in between.
func overwritten(h *history, r *record, name int) *record {
	var newer, older *record
	for i := range h.records {
		p := &h.records[i]
		if p.Group != r.Group || p.IsOpen != 0 || p.Result != ok || p.Action[name] != puts {
			continue
		}
		if p.Value[name] == r.Value[name] && p.ReturnNs < r.CallNs {
			newer = p
		} else if p.Number < r.Version[name] {
			older = p
		}
	}
	if newer == nil {
		return nil
	}
	for i := range h.records {
		p := &h.records[i]
		if p.Group == r.Group && p.Action[name] == deletes &&
			p.ReturnNs >= newer.CallNs && p.CallNs <= r.ReturnNs {
			return nil
		}
	}
	return older
}

// Each takes a call and makes a lie of it; nil where it cannot.
var lies = map[string]func(h *history, r *record) func(){
	"a stale read": func(h *history, r *record) func() {
		for n := range r.Action {
			if r.Kind > kindCopy || r.Action[n] != reads || r.Value[n] == absent {
				continue
			}
			if older := overwritten(h, r, n); older != nil {
				return func() { r.Value[n], r.Version[n] = older.Value[n], older.Number }
			}
		}
		return nil
	},
	"a torn batch": func(h *history, r *record) func() {
		for n := range r.Action {
			next := (n + 1) % nNames
			if r.Kind < kindMany || r.Value[n] == absent || r.Version[n] != r.Version[next] {
				continue
			}
			if older := overwritten(h, r, n); older != nil {
				return func() { r.Value[n], r.Version[n] = older.Value[n], older.Number }
			}
		}
		return nil
	},
	"an update that got lost": func(h *history, r *record) func() {
		for n := range r.Action {
			if r.changes() || r.Kind == kindExists || r.Value[n] == absent {
				continue
			}
			if overwritten(h, r, n) != nil {
				return func() { r.Value[n], r.Version[n], r.Result = absent, 0, notFound }
			}
		}
		return nil
	},
	"a condition that cannot have held": func(h *history, r *record) func() {
		for n := range r.Action {
			if r.Kind == kindPut && r.Action[n] == puts && r.Result == ok && r.Version[n] == anything {
				// Nothing has ever had its own version before it was made.
				return func() { r.Version[n] = r.Number }
			}
		}
		return nil
	},
}

// HISTORIES names a file of recorded ones: as they are they are accepted, and not with one lie.
func TestRecordedHistoriesWithALie(t *testing.T) {
	path := os.Getenv("HISTORIES")
	if path == "" {
		t.Skip("HISTORIES names no file of histories")
	}
	bytesOfAll, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var total tally
	wrong, broken := checkAll(bytes.NewReader(bytesOfAll), t.TempDir(), time.Minute, &total)
	if wrong != nil || broken != nil {
		t.Fatal(wrong, broken)
	}
	for name, lie := range lies {
		stream, n := bytes.NewReader(bytesOfAll), 0
		for stream.Len() > 0 {
			h, err := read(stream)
			if err != nil {
				t.Fatal(err)
			}
			for i := len(h.records) / 2; i < len(h.records); i++ {
				if h.records[i].IsOpen != 0 {
					continue
				}
				if tell := lie(h, &h.records[i]); tell != nil {
					tell()
					if h.check(t.TempDir(), time.Minute, new(tally)) == nil {
						t.Errorf("%s was accepted: %v", name, &h.records[i])
					}
					n++
					break
				}
			}
		}
		t.Logf("%s: refused %d times", name, n)
		if n == 0 {
			t.Errorf("%s could not be made of these histories", name)
		}
	}
}
