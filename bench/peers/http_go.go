// Hello over HTTP with Go's net/http: `http_go PORT`.
package main

import (
	"log"
	"net/http"
	"os"
)

var body = []byte("Hello, World!")

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Write(body)
}

func main() {
	http.HandleFunc("/", hello)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
