// Copyright 2026 viam_session_bridge contributors
// SPDX-License-Identifier: Apache-2.0

// Holds a session by hand: Viam's Session Management API itself, for programs without an SDK.
//
//	go build -o /tmp/session_by_hand .
//	/tmp/session_by_hand localhost:8080
//
// A session is a promise of beats: StartSession tells the window, every motion command names the
// session in its metadata, and SendSessionHeartbeat must come within every window. This program
// drives with three seconds of beats, then ceases them: the robot stops after the window, and a
// command under the dead session is refused with SESSION_EXPIRED.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	common "go.viam.com/api/common/v1"
	base "go.viam.com/api/component/base/v1"
	robot "go.viam.com/api/robot/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// How the motion commands say whose they are.
const sessionKey = "viam-sid"

func main() {
	address, name := "localhost:8080", "base"
	for i, one := range []*string{&address, &name} {
		if len(os.Args) > i+1 {
			*one = os.Args[i+1]
		}
	}
	if err := run(context.Background(), address, name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, name string) error {
	connection, err := grpc.NewClient(
		address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	machine, bases := robot.NewRobotServiceClient(connection), base.NewBaseServiceClient(connection)

	session, err := machine.StartSession(ctx, &robot.StartSessionRequest{})
	if err != nil {
		return err
	}
	window := session.HeartbeatWindow.AsDuration()
	fmt.Println("session", session.Id, "window", window)

	under := metadata.AppendToOutgoingContext(ctx, sessionKey, session.Id)
	// Viam's axes: y is ahead, z turns counter-clockwise. Power is -1 to 1 of full speed.
	ahead := &base.SetPowerRequest{
		Name: name, Linear: &common.Vector3{Y: 0.5}, Angular: &common.Vector3{}}
	if _, err := bases.SetPower(under, ahead); err != nil {
		return err
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(window / 5) {
		if _, err := machine.SendSessionHeartbeat(
			ctx, &robot.SendSessionHeartbeatRequest{Id: session.Id}); err != nil {
			return err
		}
	}
	open, err := machine.GetSessions(ctx, &robot.GetSessionsRequest{})
	if err != nil {
		return err
	}
	for _, one := range open.Sessions {
		fmt.Println("open", one.Id, "from", one.PeerConnectionInfo.GetRemoteAddress())
	}
	if err := tell(ctx, bases, name, "with beats"); err != nil {
		return err
	}

	time.Sleep(window + time.Second)
	if err := tell(ctx, bases, name, "without beats"); err != nil {
		return err
	}
	_, err = bases.SetPower(under, ahead)
	fmt.Println("refused", status.Code(err), status.Convert(err).Message())
	return nil
}

func tell(ctx context.Context, bases base.BaseServiceClient, name, when string) error {
	reply, err := bases.IsMoving(ctx, &base.IsMovingRequest{Name: name})
	if err == nil {
		fmt.Println("moving", when, reply.IsMoving)
	}
	return err
}
