package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The constants of history.h and brain.h.
const (
	magic    = 0x3154534948
	nNames   = 4
	absent   = 0
	anything = ^uint64(0) // a condition that holds always: BRAIN_ANY_VERSION

	ok       = 0
	notFound = -1
	exists   = -2
	stale    = -3
)

type kind uint64

const (
	kindGet kind = iota
	kindCopy
	kindExists
	kindPut
	kindTryPut
	kindDelete
	kindBatch
	kindMany
	kindSnapshot
	nKinds
)

func (k kind) String() string {
	return [...]string{"get", "get_or_copy", "exists", "put", "try_put", "delete", "batch", "get_many",
		"snapshot"}[k]
}

const (
	nothing uint64 = iota
	reads
	puts
	deletes
	requires
	nActions
)

// A head and a record as the recorder writes them: 64-bit words, little-endian.
type head struct {
	Magic     uint64
	Round     uint64
	NRecords  uint64
	Committed uint64
	NKills    uint64
}

type record struct {
	CallNs   uint64
	ReturnNs uint64
	IsOpen   uint64
	Client   uint64
	Kind     kind
	Group    uint64
	Result   int64
	Number   uint64
	Action   [nNames]uint64
	Value    [nNames]uint64
	Version  [nNames]uint64
}

func (r *record) changes() bool { return r.Kind >= kindPut && r.Kind <= kindBatch }

type history struct {
	head
	records []record
}

// read gives io.EOF at the end of the stream, and another error in the middle of a history.
func read(from io.Reader) (*history, error) {
	var h history
	if err := binary.Read(from, binary.LittleEndian, &h.head); err != nil {
		return nil, err
	}
	if h.Magic != magic {
		return nil, fmt.Errorf("not a history: it begins with %#x", h.Magic)
	}
	h.records = make([]record, h.NRecords)
	if err := binary.Read(from, binary.LittleEndian, h.records); err != nil {
		return nil, fmt.Errorf("history %d is cut short: %w", h.Round, err)
	}
	for i := range h.records {
		if err := h.records[i].validate(); err != nil {
			return nil, fmt.Errorf("record %d of history %d: %w", i, h.Round, err)
		}
	}
	return &h, nil
}

func (r *record) validate() error {
	if r.Kind >= nKinds {
		return fmt.Errorf("there is no kind %d", uint64(r.Kind))
	}
	if r.ReturnNs < r.CallNs {
		return fmt.Errorf("it returned at %d and began at %d", r.ReturnNs, r.CallNs)
	}
	for _, action := range r.Action {
		if action >= nActions {
			return fmt.Errorf("there is no action %d", action)
		}
	}
	return nil
}

func (h *history) write(to io.Writer) error {
	if err := binary.Write(to, binary.LittleEndian, &h.head); err != nil {
		return err
	}
	return binary.Write(to, binary.LittleEndian, h.records)
}
