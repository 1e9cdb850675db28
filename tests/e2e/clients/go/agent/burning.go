package main

import (
	"sync"
	"syscall"
	"time"
)

// burned is the CPU time that each piece of work spends: some twenty samples.
const burned = 200 * time.Millisecond

// turns are those of a loop, about a millisecond.
const turns = 200_000

// sink keeps results, so that nothing is optimised away.
var sink int

// Each piece of work has functions of its own, loops included: a shared one would tell nothing.

func planSteps() { burn(planStep) }

func planStep(number int) int {
	for times := range turns {
		number = number*3 ^ times
	}
	return number
}

func readAnswer() { burn(readToken) }

func readToken(number int) int {
	for times := range turns {
		number = number*5 ^ times
	}
	return number
}

func searchIndex() { burn(rankHits) }

// rankHits works in a goroutine, which has the labels of the one that started it.
func rankHits(number int) int {
	var done sync.WaitGroup
	result := 0
	done.Add(1)
	go func() {
		defer done.Done()
		result = compareHits(number)
	}()
	done.Wait()
	return result
}

func compareHits(number int) int {
	for times := range turns {
		number = number*7 ^ times
	}
	return number
}

func searchAgain() { burn(rankAgain) }

func rankAgain(number int) int {
	for times := range turns {
		number = number*9 ^ times
	}
	return number
}

func calculate() { burn(raisePower) }

func raisePower(number int) int {
	for times := range turns {
		number = number*11 ^ times
	}
	return number
}

func cleanUp() { burn(sweepFiles) }

func sweepFiles(number int) int {
	for times := range turns {
		number = number*13 ^ times
	}
	return number
}

// burn calls a function until the process has spent the CPU time.
func burn(step func(int) int) {
	for end := cpuTime() + burned; cpuTime() < end; {
		sink += step(sink)
	}
}

// cpuTime returns what the process has spent in user mode and in the kernel.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
