package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"time"
)

// pollInterval is short: a start of a lab is a chain of such waits.
const pollInterval = 20 * time.Millisecond

// waitFor returns when what is named answers. It has no deadline: `swap lab up` has one, and the node's log tells.
func waitFor(what string) {
	for !answers(what) {
		time.Sleep(pollInterval)
	}
}

func answers(what string) bool {
	if what == "" {
		return true
	}
	if strings.HasPrefix(what, "https://") {
		return isHealthy(what)
	}
	network, address, _ := strings.Cut(what, ":")
	connection, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// Nothing is sent that would be worth stealing, and the answer decides only when a component is started: so the
// certificate is not looked at.
var healthClient = &http.Client{
	Timeout:   2 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

func isHealthy(url string) bool {
	response, err := healthClient.Get(url)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}
