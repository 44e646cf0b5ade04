using System.Diagnostics;
using EdgeAgent.Cli.CommandLine;

namespace EdgeAgent.Cli.Demo;

/// <summary>
/// A program that the demo starts: its output goes to a file and to whoever waits for a line, and it ends with the demo,
/// also when that is killed.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Lock _lines = new();
    private readonly List<string> _last = [];
    private readonly List<(Func<string, bool> Wanted, TaskCompletionSource<string> Found)> _waiting = [];

    private ChildProcess(string name, Process process, string logPath)
    {
        (Name, _process, LogPath) = (name, process, logPath);
        _log = new StreamWriter(logPath) { AutoFlush = true };
    }

    public string Name { get; }

    public string LogPath { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <param name="name">Names it in messages and its log.</param>
    /// <param name="program">Path of the executable.</param>
    /// <param name="arguments">As the program gets them; no shell is in between.</param>
    /// <param name="environment">Variables beside the demo's own.</param>
    /// <param name="folder">For its log.</param>
    public static ChildProcess Start(string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string folder)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        // On Linux the kernel ends the child with its parent, whatever ends the parent (util-linux is on every Debian).
        const string setpriv = "/usr/bin/setpriv";
        if (OperatingSystem.IsLinux() && File.Exists(setpriv))
        {
            start.FileName = setpriv;
            foreach (var part in (string[])["--pdeathsig", "KILL", "--", program])
                start.ArgumentList.Add(part);
        }
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (key, value) in environment)
            start.Environment[key] = value;
        var process = new Process { StartInfo = start };
        var child = new ChildProcess(name, process, Path.Combine(folder, name + ".log"));
        process.OutputDataReceived += (_, line) => child.Receive(line.Data);
        process.ErrorDataReceived += (_, line) => child.Receive(line.Data);
        try
        {
            StarterThread.Run(() => process.Start());
        }
        catch (System.ComponentModel.Win32Exception fault)
        {
            throw new CommandException($"{program} cannot be started: {fault.Message}", fault);
        }
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _ = process.WaitForExitAsync().ContinueWith(_ => child.FailWaiting(), TaskScheduler.Default);
        return child;
    }

    /// <summary>The first line of output, past or future, that is wanted.</summary>
    /// <exception cref="CommandException">The program ended, or did not write it in time.</exception>
    public async Task<string> LineAsync(Func<string, bool> wanted, string what, TimeSpan limit, CancellationToken cancellation)
    {
        var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lines)
        {
            if (_last.Find(line => wanted(line)) is { } past)
                return past;
            _waiting.Add((wanted, found));
        }
        if (_process.HasExited)
            FailWaiting();
        try
        {
            return await found.Task.WaitAsync(limit, TimeProvider.System, cancellation);
        }
        catch (TimeoutException)
        {
            throw new CommandException(Units.Text($"{Name} did not {what} within {limit.TotalSeconds:0} s; see {LogPath}"));
        }
    }

    /// <summary>Asks the program to stop, and makes it if it does not.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Signal.Terminate(_process);
            using var limit = new CancellationTokenSource(StopTime, TimeProvider.System);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync();
            }
        }
        _process.Dispose();
        lock (_lines)
            _log.Dispose();
    }

    private void Receive(string? line)
    {
        if (line is null)
            return;
        lock (_lines)
        {
            if (_log.BaseStream is { CanWrite: true })
                _log.WriteLine(line);
            _last.Add(line);
            if (_last.Count > 1000)
                _last.RemoveAt(0);
            foreach (var (_, found) in _waiting.Where(w => w.Wanted(line)))
                found.TrySetResult(line);
            _waiting.RemoveAll(w => w.Found.Task.IsCompleted);
        }
    }

    private void FailWaiting()
    {
        lock (_lines)
        {
            var last = _last.Count > 0 ? $": {Faults.OneLine(_last[^1])}" : "";
            foreach (var (_, found) in _waiting)
                found.TrySetException(new CommandException($"{Name} ended{last}; see {LogPath}"));
            _waiting.Clear();
        }
    }
}
