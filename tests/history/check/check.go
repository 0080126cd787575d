package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

type tally struct {
	histories, calls, open, kills, groups, undecided int
	longest                                          time.Duration
}

// groups are the calls of each group by themselves: no call spans two, so a history can be
// explained if each of them can. A read whose process was killed tells nothing and is left out.
func (h *history) groups() map[uint64][]porcupine.Operation {
	clients := map[uint64]int{}
	groups := map[uint64][]porcupine.Operation{}
	for i := range h.records {
		r := &h.records[i]
		if r.IsOpen != 0 && !r.changes() {
			continue
		}
		if _, there := clients[r.Client]; !there {
			clients[r.Client] = len(clients)
		}
		groups[r.Group] = append(groups[r.Group], porcupine.Operation{
			ClientId: clients[r.Client],
			Input:    r,
			Call:     int64(r.CallNs),
			Return:   int64(r.ReturnNs),
		})
	}
	return groups
}

// lateChangesExplain says whether it would be all right if a change could still happen long after
// its process was killed: then what is wrong is that alone.
func lateChangesExplain(model porcupine.Model, operations []porcupine.Operation,
	limit time.Duration) bool {
	late := append([]porcupine.Operation(nil), operations...)
	for i := range late {
		if late[i].Input.(*record).IsOpen != 0 {
			late[i].Return = math.MaxInt64
		}
	}
	return porcupine.CheckOperationsTimeout(model, late, limit) == porcupine.Ok
}

// check adds the history to the tally, and gives an error where nothing explains it.
func (h *history) check(folder string, limit time.Duration, total *tally) error {
	h.resolve()
	total.histories++
	total.calls += len(h.records)
	total.kills += int(h.NKills)
	for i := range h.records {
		total.open += int(h.records[i].IsOpen)
	}
	if err := h.checkNumbers(); err != nil {
		return h.refuse(folder, err)
	}
	model := newModel(h.Committed)
	groups := h.groups()
	type answer struct {
		group  uint64
		result porcupine.CheckResult
		took   time.Duration
	}
	answers := make(chan answer)
	var running sync.WaitGroup
	for group, operations := range groups {
		running.Add(1)
		go func(group uint64, operations []porcupine.Operation) {
			defer running.Done()
			start := time.Now()
			result := porcupine.CheckOperationsTimeout(model, operations, limit)
			answers <- answer{group, result, time.Since(start)}
		}(group, operations)
	}
	go func() {
		running.Wait()
		close(answers)
	}()
	var err error
	for a := range answers {
		total.groups++
		total.longest = max(total.longest, a.took)
		switch {
		case a.result == porcupine.Unknown:
			total.undecided++
		case a.result == porcupine.Illegal && err == nil:
			err = h.explain(folder, model, a.group, groups[a.group], limit)
		}
	}
	return err
}

// explain writes down what was found about a group that is wrong.
func (h *history) explain(folder string, model porcupine.Model, group uint64,
	operations []porcupine.Operation, limit time.Duration) error {
	err := fmt.Errorf("no order explains the %d calls of group %d", len(operations), group)
	if lateChangesExplain(model, operations, limit) {
		err = fmt.Errorf("%w, unless changes of the killed happen after their end", err)
	}
	path := filepath.Join(folder, fmt.Sprintf("history-%d-group-%d.html", h.Round, group))
	_, information := porcupine.CheckOperationsVerbose(model, operations, limit)
	if failure := porcupine.VisualizePath(model, information, path); failure != nil {
		return fmt.Errorf("%w; %v", h.refuse(folder, err), failure)
	}
	return fmt.Errorf("%w; its picture: %s\n%s", h.refuse(folder, err), path,
		stuck(model, information, operations))
}

// refuse keeps the history, so that it can be checked again.
func (h *history) refuse(folder string, why error) error {
	path := filepath.Join(folder, fmt.Sprintf("history-%d", h.Round))
	file, err := os.Create(path)
	if err == nil {
		err = h.write(file)
		file.Close()
	}
	if err != nil {
		return fmt.Errorf("history %d: %w; it cannot be kept: %v", h.Round, why, err)
	}
	return fmt.Errorf("history %d, kept in %s: %w", h.Round, path, why)
}

// checkAll goes through the histories of a stream until one is wrong.
func checkAll(from io.Reader, folder string, limit time.Duration,
	total *tally) (wrong, broken error) {
	for {
		h, err := read(from)
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if err := h.check(folder, limit, total); err != nil {
			return err, nil
		}
	}
}

// stuck tells in words how far an explanation gets: the state that it gets to, and those calls that
// begin before any other that is left has returned, none of which fits.
func stuck(model porcupine.Model, information porcupine.LinearizationInfo,
	operations []porcupine.Operation) string {
	var longest []porcupine.Operation
	for _, partial := range information.PartialLinearizationsOperations()[0] {
		if len(partial) > len(longest) {
			longest = partial
		}
	}
	state := model.Init()
	explained := map[interface{}]bool{}
	for _, operation := range longest {
		_, state = model.Step(state, operation.Input, operation.Output)
		explained[operation.Input] = true
	}
	firstReturn := int64(math.MaxInt64)
	for _, operation := range operations {
		if !explained[operation.Input] {
			firstReturn = min(firstReturn, operation.Return)
		}
	}
	text := fmt.Sprintf("explained: %d of %d calls, to %s; none of these can be next:", len(longest),
		len(operations), model.DescribeState(state))
	for _, operation := range operations {
		if !explained[operation.Input] && operation.Call <= firstReturn {
			text += fmt.Sprintf("\n  client %d, %d to %d: %v", operation.ClientId, operation.Call,
				operation.Return, operation.Input)
		}
	}
	return text
}
