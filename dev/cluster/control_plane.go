package main

func controlPlane(arguments []string) int { return 0 }
