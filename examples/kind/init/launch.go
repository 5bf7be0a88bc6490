package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// stageVariable tells the copy of this program that runs inside the namespaces from the one that made them.
const stageVariable = "SWAP_LAB_STAGE"

// File descriptors that the node's PID 1 inherits.
const (
	fdGo     = 3 // one byte arrives when the host's side is done; its end without one means: give up
	fdResult = 4 // a message of failure, or nothing, before its end
	fdListen = 5
)

// launch runs in the host's namespaces. It makes the node, prints {"pid": N} when the node is set up, and ends.
//
// The listening socket is made here because a socket stays in the network namespace it was made in: that one file
// descriptor is all that connects the node's network with the host's, and it is gone when PID 1 is.
func launch(n *node, configPath string) error {
	files := make([]*os.File, 0, 3)
	goRead, goWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	resultRead, resultWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	files = append(files, goRead, resultWrite)
	if n.Listen != "" {
		listener, err := net.Listen("tcp", n.Listen)
		if err != nil {
			return err
		}
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	// The root of a cgroup namespace is the group that its maker is in.
	for _, group := range n.Cgroups {
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, configPath)
	child.Env = append(os.Environ(), stageVariable+"=node")
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	child.ExtraFiles = files
	child.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("cannot make the node's namespaces: %w", err)
	}
	for _, file := range files {
		file.Close()
	}
	if err := finish(n, child.Process.Pid, goWrite, resultRead); err != nil {
		child.Process.Kill()
		child.Wait()
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]int{"pid": child.Process.Pid})
}

// finish does the host's part, lets the node go on, and hears how its part went.
func finish(n *node, pid int, goWrite, resultRead *os.File) error {
	for _, argv := range n.Attach {
		argv = append([]string(nil), argv...)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "{pid}", strconv.Itoa(pid))
		}
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	if _, err := goWrite.Write([]byte{1}); err != nil {
		return err
	}
	failure, err := io.ReadAll(resultRead)
	if err != nil {
		return err
	}
	if string(failure) != "ok" {
		return fmt.Errorf("the node could not be set up: %s", failure)
	}
	return nil
}
