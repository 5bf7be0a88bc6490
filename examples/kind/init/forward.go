package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

func inheritListener() (net.Listener, error) {
	file := os.NewFile(fdListen, "listen")
	defer file.Close()
	return net.FileListener(file)
}

// forward carries each connection of the host's loopback to target in the node, keeping half-close. io.Copy between
// two TCP connections is splice(2): no byte of it is copied through this process.
func forward(listener net.Listener, target string) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "node-init: accept:", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go carry(connection.(*net.TCPConn), target)
	}
}

func carry(outside *net.TCPConn, target string) {
	defer outside.Close()
	dialled, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		outside.SetLinger(0) // a reset says "not there" where an orderly end would look like an empty answer
		return
	}
	inside := dialled.(*net.TCPConn)
	defer inside.Close()
	var both sync.WaitGroup
	both.Add(2)
	pass := func(to, from *net.TCPConn) {
		defer both.Done()
		if _, err := io.Copy(to, from); err != nil {
			to.SetLinger(0)
			to.Close()
			from.SetLinger(0)
			from.Close()
			return
		}
		to.CloseWrite()
	}
	go pass(inside, outside)
	go pass(outside, inside)
	both.Wait()
}
