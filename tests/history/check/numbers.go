package main

import (
	"fmt"
	"sort"
)

// resolve gives a change whose process was killed the number that somebody saw its value with.
func (h *history) resolve() {
	seen := map[uint64]uint64{}
	for i := range h.records {
		r := &h.records[i]
		for n, action := range r.Action {
			if action == reads && r.Kind != kindExists && r.Value[n] != absent {
				seen[r.Value[n]] = r.Version[n]
			}
		}
	}
	for i := range h.records {
		r := &h.records[i]
		for n, action := range r.Action {
			if r.IsOpen != 0 && action == puts && seen[r.Value[n]] != 0 {
				r.Number = seen[r.Value[n]]
			}
		}
	}
}

// known is the greatest commit number that there was when the call returned, as far as it tells.
func (r *record) known() uint64 {
	var number uint64
	if r.Result == ok && (!r.changes() || r.putsSomething()) {
		number = r.Number
	}
	for i, action := range r.Action {
		if action == reads {
			number = max(number, r.Version[i])
		}
	}
	return number
}

// checkNumbers looks at the commit numbers of all groups together, which the model of one does not
// see: no two commits have the same, and a call that begins after another has returned neither
// makes a commit that is not above what the other knew of, nor reads as of an earlier one.
func (h *history) checkNumbers() error {
	byCall := make([]*record, 0, len(h.records))
	byReturn := make([]*record, 0, len(h.records))
	made := map[uint64]*record{}
	for i := range h.records {
		r := &h.records[i]
		byCall = append(byCall, r)
		if r.IsOpen == 0 {
			byReturn = append(byReturn, r)
		}
		if r.changes() && r.Number != 0 && r.Result == ok && r.putsSomething() {
			if other := made[r.Number]; other != nil {
				return fmt.Errorf("two commits have the number %d: %v; %v", r.Number, other, r)
			}
			made[r.Number] = r
		}
	}
	sort.Slice(byCall, func(i, j int) bool { return byCall[i].CallNs < byCall[j].CallNs })
	sort.Slice(byReturn, func(i, j int) bool { return byReturn[i].ReturnNs < byReturn[j].ReturnNs })
	number, by := h.Committed, (*record)(nil)
	next := 0
	for _, r := range byCall {
		for next < len(byReturn) && byReturn[next].ReturnNs < r.CallNs {
			if known := byReturn[next].known(); known > number {
				number, by = known, byReturn[next]
			}
			next++
		}
		if r.Number == 0 || r.Result != ok || r.changes() && !r.putsSomething() {
			continue
		}
		if r.Number < number || r.changes() && r.Number == number {
			return fmt.Errorf("commit %d was known when this began: %v (group %d); from: %v",
				number, r, r.Group, by)
		}
		if !r.changes() && r.known() > r.Number {
			return fmt.Errorf("it shows versions above its number: %v", r)
		}
	}
	return nil
}
