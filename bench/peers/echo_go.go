// Echo in Go: `echo_go PORT`. A goroutine for each connection; Go sets TCP_NODELAY by itself.
package main

import (
	"log"
	"net"
	"os"
)

func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, 4096)
	for {
		size, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go echo(client)
	}
}
