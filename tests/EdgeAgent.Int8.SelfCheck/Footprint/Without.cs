using System.Diagnostics;

// The same program without the engine: arguments, clock, console.
var start = Stopwatch.GetTimestamp();
var us = new double[int.Parse(args[1])];
Array.Sort(us);
Console.WriteLine(FormattableString.Invariant($"{args[0]} {Stopwatch.GetElapsedTime(start).TotalMicroseconds:f1} {us[0]:f1}"));
