package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
	// A component that ran this long starts again at once.
	steady = 10 * time.Second
	// stopGrace is what a component gets between SIGTERM and SIGKILL when the node stops.
	stopGrace = 3 * time.Second
)

// supervisor starts the components, restarts those that end, and reaps every process of the pid namespace. One loop
// waits for all children: a second waiter would steal the exits of orphans.
type supervisor struct {
	node *node

	mutex    sync.Mutex
	running  map[int]chan syscall.WaitStatus
	states   []*state
	stopping bool
}

// state is what the status file tells of a component.
type state struct {
	Name     string `json:"name"`
	Pid      int    `json:"pid"`
	Since    string `json:"since"`
	Restarts int    `json:"restarts"`
	LastExit string `json:"lastExit,omitempty"`
}

func newSupervisor(n *node) *supervisor {
	s := &supervisor{node: n, running: map[int]chan syscall.WaitStatus{}}
	for _, c := range n.Components {
		s.states = append(s.states, &state{Name: c.Name})
	}
	return s
}

// run ends with the process, when SIGTERM or SIGINT asks for it; the kernel then kills what is left of the node.
func (s *supervisor) run() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT)
	for i := range s.node.Components {
		go s.keep(&s.node.Components[i], s.states[i])
	}
	// SIGCHLD is not queued, and one may come before Notify: the ticker bounds what that can cost.
	for tick := time.Tick(time.Second); ; {
		select {
		case received := <-signals:
			if received == syscall.SIGCHLD {
				s.reap()
				continue
			}
			go s.stop()
		case <-tick:
			s.reap()
		}
	}
}

func (s *supervisor) reap() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err != nil || pid <= 0 {
			return
		}
		if waiter, ours := s.running[pid]; ours {
			delete(s.running, pid)
			waiter <- status
		}
	}
}

// keep runs one component for ever.
func (s *supervisor) keep(c *component, st *state) {
	waitFor(c.Wait)
	backoff := firstBackoff
	for {
		started := time.Now()
		exit, err := s.start(c, st)
		if err != nil {
			s.ended(st, err.Error())
		} else {
			status, open := <-exit
			if !open {
				return
			}
			s.ended(st, describe(status))
		}
		if time.Since(started) > steady {
			backoff = firstBackoff
		}
		time.Sleep(backoff)
		backoff = min(2*backoff, lastBackoff)
	}
}

func (s *supervisor) start(c *component, st *state) (<-chan syscall.WaitStatus, error) {
	if err := os.MkdirAll(filepath.Dir(c.Log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.stopping {
		done := make(chan syscall.WaitStatus)
		close(done)
		return done, nil
	}
	pid, err := syscall.ForkExec(c.Argv[0], c.Argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   c.Env,
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Argv[0], err)
	}
	exit := make(chan syscall.WaitStatus, 1)
	s.running[pid] = exit
	st.Pid = pid
	st.Since = time.Now().UTC().Format(time.RFC3339Nano)
	s.writeStatus()
	return exit, nil
}

func (s *supervisor) ended(st *state, how string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	fmt.Fprintf(os.Stderr, "%s %s ended: %s\n", time.Now().UTC().Format(time.RFC3339), st.Name, how)
	st.Pid = 0
	st.Restarts++
	st.LastExit = how
	s.writeStatus()
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// writeStatus is called with the mutex held.
func (s *supervisor) writeStatus() {
	data, err := json.Marshal(map[string]any{"components": s.states})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.node.Status), 0o755)
	}
	if err == nil {
		err = os.WriteFile(s.node.Status+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(s.node.Status+".new", s.node.Status)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node-init: status:", err)
	}
}

// stop ends the components, the last one first, and then the node.
func (s *supervisor) stop() {
	s.mutex.Lock()
	if s.stopping {
		s.mutex.Unlock()
		return
	}
	s.stopping = true
	s.mutex.Unlock()
	for i := len(s.states) - 1; i >= 0; i-- {
		s.stopOne(s.states[i])
	}
	os.Exit(0)
}

func (s *supervisor) stopOne(st *state) {
	for deadline, sent := time.Now().Add(stopGrace), false; ; time.Sleep(10 * time.Millisecond) {
		s.mutex.Lock()
		pid := st.Pid
		if pid == 0 {
			s.mutex.Unlock()
			return
		}
		if !sent {
			syscall.Kill(pid, syscall.SIGTERM)
			sent = true
		} else if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		s.mutex.Unlock()
	}
}
