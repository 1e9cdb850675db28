// Command profiled writes a profile of each kind that Go makes into a folder; see ../../README.md.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// kinds are the names that both packages have for what is not a CPU profile.
var kinds = []string{"allocs", "block", "goroutine", "heap", "mutex"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: profiled FOLDER")
		os.Exit(2)
	}
	if err := writeAll(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func writeAll(folder string) error {
	// Small objects count too, and every wait.
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	release := park()
	defer close(release)
	waitForEachOther()
	kept := allocate()
	runtime.GC()
	for _, kind := range kinds {
		if err := write(folder, kind, func(w io.Writer) error {
			return pprof.Lookup(kind).WriteTo(w, 0)
		}); err != nil {
			return err
		}
	}
	if err := write(folder, "cpu", burnProfiled); err != nil {
		return err
	}
	if err := writeServed(folder); err != nil {
		return err
	}
	runtime.KeepAlive(kept)
	return nil
}

func write(folder, name string, fill func(io.Writer) error) error {
	file, err := os.Create(filepath.Join(folder, name+".pb.gz"))
	if err != nil {
		return err
	}
	if err := fill(file); err != nil {
		return err
	}
	return file.Close()
}

func burnProfiled(w io.Writer) error {
	if err := pprof.StartCPUProfile(w); err != nil {
		return err
	}
	burnUntil(time.Now().Add(600 * time.Millisecond))
	pprof.StopCPUProfile()
	return nil
}

// writeServed asks this program's own net/http/pprof, as an operator does.
func writeServed(folder string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	go http.Serve(listener, nil)
	url := "http://" + listener.Addr().String() + "/debug/pprof/"
	for _, kind := range kinds {
		if err := write(folder, "http-"+kind, func(w io.Writer) error {
			return download(w, url+kind)
		}); err != nil {
			return err
		}
	}
	// The shortest that it can be told.
	busy := time.Now().Add(time.Second)
	go burnUntil(busy)
	return write(folder, "http-cpu", func(w io.Writer) error {
		return download(w, url+"profile?seconds=1")
	})
}

func download(w io.Writer, url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	_, err = io.Copy(w, answer.Body)
	return err
}

// park starts goroutines that stand still until the channel is closed.
func park() chan struct{} {
	release := make(chan struct{})
	for range 5 {
		go func() { <-release }()
	}
	for range 3 {
		go waitHere(release)
	}
	return release
}

func waitHere(release chan struct{}) { <-release }

// waitForEachOther makes waits for a mutex and for a channel.
func waitForEachOther() {
	var mutex sync.Mutex
	var all sync.WaitGroup
	results := make(chan int)
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 5 {
				mutex.Lock()
				time.Sleep(time.Millisecond)
				mutex.Unlock()
			}
			results <- 1
		}()
	}
	for range 4 {
		time.Sleep(time.Millisecond)
		<-results
	}
	all.Wait()
}

func allocate() [][]byte {
	var kept [][]byte
	for number := range 400 {
		kept = append(kept, small(number))
		if number%20 == 0 {
			kept = append(kept, large())
		}
		// Allocated, and gone with the next collection.
		_ = fmt.Sprint(make([]int, 512))
	}
	return kept
}

//go:noinline
func small(number int) []byte { return make([]byte, 1024+number) }

//go:noinline
func large() []byte { return make([]byte, 1<<16) }

// burnUntil spends CPU in a loop, in a function that is inlined into it, and in a recursion.
func burnUntil(end time.Time) {
	sink := 0
	for time.Now().Before(end) {
		sink += loop(20_000) + fibonacci(24) + even(12)
	}
	runtime.KeepAlive(sink)
}

//go:noinline
func loop(times int) int {
	sum := 1
	for number := range times {
		sum = mix(sum, number)
	}
	return sum
}

// mix is small enough to be inlined.
func mix(sum, number int) int { return sum*31 ^ sum>>7 + number%7 }

//go:noinline
func fibonacci(number int) int {
	if number < 2 {
		return number
	}
	return fibonacci(number-1) + fibonacci(number-2)
}

// even and odd call each other.
//
//go:noinline
func even(depth int) int {
	if depth == 0 {
		return loop(200)
	}
	return odd(depth-1) + odd(depth-1)
}

//go:noinline
func odd(depth int) int {
	if depth == 0 {
		return loop(200)
	}
	return even(depth-1) + even(depth-1)
}
