// Checks recorded histories: whether the calls of each group, each at one moment between its
// beginning and its return, explain what all of them gave. ../README.md has what that means.
//
//	check [-folder F] [-limit D] <histories
//
// Exits with 0, 1 (a history that nothing explains; it and a picture of it are in the folder),
// 2 (the histories make no sense), 3 (some were not decided within the limit).
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	folder := flag.String("folder", ".", "where a history that is wrong, and its picture, are put")
	limit := flag.Duration("limit", time.Minute, "how long to think about a group")
	flag.Parse()
	var total tally
	wrong, broken := checkAll(bufio.NewReaderSize(os.Stdin, 1<<20), *folder, *limit, &total)
	fmt.Printf("checked: %d histories, %d calls in %d groups, %d kills, %d calls left open; "+
		"the longest took %v; %d groups not decided\n", total.histories, total.calls, total.groups,
		total.kills, total.open, total.longest.Round(time.Millisecond), total.undecided)
	switch {
	case wrong != nil:
		fmt.Printf("WRONG: %v\n", wrong)
		os.Exit(1)
	case broken != nil:
		fmt.Fprintf(os.Stderr, "check: %v\n", broken)
		os.Exit(2)
	case total.undecided != 0:
		os.Exit(3)
	}
}
