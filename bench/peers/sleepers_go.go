// A million goroutines that sleep until one moment: `sleepers_go COUNT SECONDS`. Prints what each takes in memory, and
// how long it took to start and to end them, without the sleep.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func residentBytes() float64 {
	var all, resident float64
	file, err := os.Open("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	fmt.Fscan(file, &all, &resident)
	return resident * float64(os.Getpagesize())
}

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	seconds, _ := strconv.ParseFloat(os.Args[2], 64)
	before := residentBytes()
	start := time.Now()
	deadline := start.Add(time.Duration(seconds * 1e9))
	var all sync.WaitGroup
	var sleeping atomic.Int64
	all.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			sleeping.Add(1)
			time.Sleep(time.Until(deadline))
			all.Done()
		}()
	}
	for sleeping.Load() < int64(count) {
		time.Sleep(time.Millisecond)
	}
	started := time.Now()
	bytes := (residentBytes() - before) / float64(count)
	if started.After(deadline) {
		log.Fatal("not all of them slept before the first one woke: give more seconds")
	}
	all.Wait()
	end := time.Now()
	fmt.Printf("{\"bytes\":%f,\"seconds\":%f}\n", bytes, started.Sub(start).Seconds()+end.Sub(deadline).Seconds())
}
