package main

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// state is that of one group. The version of a value that is not known (its put never returned, and
// nobody ever saw it) is 0: nobody can have asked for it either.
type state struct {
	value   [nNames]uint64
	version [nNames]uint64
	// The greatest commit number that is known to be not above that of this state.
	number uint64
}

// holds says what a change under the condition gets in this state: ok where it holds.
func (s *state) holds(r *record, i int) int64 {
	condition := r.Version[i]
	there := s.value[i] != absent
	switch r.Action[i] {
	case puts:
		switch {
		case condition == anything:
			return ok
		case condition == 0 && there:
			return exists
		case condition != 0 && (!there || s.version[i] != condition):
			return stale
		}
	case deletes:
		switch {
		case !there && r.Kind == kindBatch && condition == anything:
			return ok
		case !there:
			return notFound
		case condition != anything && s.version[i] != condition:
			return stale
		}
	case requires:
		switch {
		case condition == anything && !there,
			condition == 0 && there,
			condition != anything && condition != 0 && (!there || s.version[i] != condition):
			return stale
		}
	}
	return ok
}

// after is the state once the changes are made, with `number` as the version of what is put.
func (s state) after(r *record, number uint64) state {
	for i, action := range r.Action {
		switch action {
		case puts:
			s.value[i], s.version[i] = r.Value[i], number
		case deletes:
			s.value[i], s.version[i] = absent, 0
		}
	}
	s.number = max(s.number, number)
	return s
}

func (r *record) putsSomething() bool {
	for _, action := range r.Action {
		if action == puts {
			return true
		}
	}
	return false
}

// change gives the states that a change may lead to; none where it cannot have had its result.
func (s state) change(r *record) []interface{} {
	refusals := map[int64]bool{}
	for i := range r.Action {
		if code := s.holds(r, i); code != ok {
			refusals[code] = true
		}
	}
	isNew := !r.putsSomething() || r.Number == 0 || r.Number > s.number
	number := r.Number
	if !r.putsSomething() {
		number = 0
	}
	switch {
	case r.IsOpen != 0 && (len(refusals) > 0 || !isNew):
		return []interface{}{s}
	case r.IsOpen != 0:
		return []interface{}{s, s.after(r, number)}
	case r.Result != ok && refusals[r.Result]:
		return []interface{}{s}
	case r.Result == ok && len(refusals) == 0 && isNew:
		return []interface{}{s.after(r, number)}
	}
	return nil
}

// look gives the state itself if that is what was read, and says what it learns of its number.
func (s state) look(r *record) []interface{} {
	for i, action := range r.Action {
		if action != reads {
			continue
		}
		there := s.value[i] != absent
		if r.Kind == kindExists {
			if (r.Result == ok) != there || there && s.version[i] != 0 && s.version[i] != r.Version[i] {
				return nil
			}
			continue
		}
		if r.Value[i] != s.value[i] || r.Version[i] != s.version[i] {
			return nil
		}
	}
	if r.Number != 0 {
		if r.Number < s.number {
			return nil
		}
		s.number = r.Number
	}
	return []interface{}{s}
}

// newModel is what the store promises of one group: each call happens at one moment between its
// beginning and its return, and a call that somebody was killed in may also not happen.
func newModel(committed uint64) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{state{number: committed}} },
		Step: func(from, input, _ interface{}) []interface{} {
			s, r := from.(state), input.(*record)
			if r.changes() {
				return s.change(r)
			}
			return s.look(r)
		},
		DescribeOperation: func(input, _ interface{}) string { return input.(*record).String() },
		DescribeState:     func(s interface{}) string { return s.(state).String() },
	}
	return model.ToModel()
}

// ---- in words ----------------------------------------------------------------------------------

func describeValue(value, version uint64) string {
	switch value {
	case absent:
		return "-"
	case ^uint64(0):
		return "TORN"
	}
	return fmt.Sprintf("%d/%d@%d", value>>40, value>>8&0xffffffff, version)
}

func (s state) String() string {
	var names []string
	for i := range s.value {
		names = append(names, describeValue(s.value[i], s.version[i]))
	}
	return fmt.Sprintf("[%s] at %d", strings.Join(names, " "), s.number)
}

var codeNames = map[int64]string{notFound: "NOT_FOUND", exists: "EXISTS", stale: "STALE"}

func (r *record) String() string {
	words := []string{r.Kind.String()}
	for i, action := range r.Action {
		condition := ""
		if r.Version[i] != anything {
			condition = fmt.Sprintf(" if %d", r.Version[i])
		}
		switch action {
		case reads:
			words = append(words, fmt.Sprintf("n%d=%s", i, describeValue(r.Value[i], r.Version[i])))
		case puts:
			value := describeValue(r.Value[i], r.Number)
			words = append(words, fmt.Sprintf("n%d:=%s%s", i, value, condition))
		case deletes:
			words = append(words, fmt.Sprintf("n%d deleted%s", i, condition))
		case requires:
			words = append(words, fmt.Sprintf("n%d required%s", i, condition))
		}
	}
	switch {
	case r.IsOpen != 0:
		words = append(words, "-> killed")
	case r.Result != ok:
		words = append(words, "-> "+codeNames[r.Result])
	case r.Number != 0:
		words = append(words, fmt.Sprintf("-> %d", r.Number))
	}
	return strings.Join(words, " ")
}
