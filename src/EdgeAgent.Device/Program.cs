using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Device;
using EdgeAgent.Device.Hardware;
using EdgeAgent.Int8.Kernels;

const int Done = 0, Failed = 1, WrongUsage = 2;

using var stop = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
try
{
    var line = CommandLine.Parse(args);
    switch (line.Command)
    {
        case AgentCommand.Help:
            Console.WriteLine(CommandLine.Usage);
            break;
        case AgentCommand.Version:
            Console.WriteLine($"edge-agent {HardwareProbe.AgentVersion} ({KernelSet.Default.Name})");
            break;
        case AgentCommand.Hardware:
            Console.WriteLine(JsonSerializer.Serialize(new HardwareProbe(new SystemFiles()).Report(Path.GetTempPath(), RooflineFile.Measure(KernelSet.Default)), ContractsJson.Default.HardwareReport));
            break;
        default:
            await Agent.RunAsync(line, new SystemFiles(), TimeProvider.System, new StandardErrorLogger(), stop.Token);
            break;
    }
    return Done;
}
catch (UsageException e)
{
    return Tell(e.Message, WrongUsage);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return Done;
}
catch (Exception e) when (e is AgentException or ArgumentException)
{
    return Tell(e.Message, Failed);
}
catch (PlatformNotSupportedException e)
{
    return Tell($"{e.Message.TrimEnd('.')}; install OpenSSL 3 (Debian's package libssl3)", Failed);
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    return Tell($"{e.Message.TrimEnd('.')}; see that the disk of the state folder has room and can be written, then start again", Failed);
}

void OnSignal(PosixSignalContext context)
{
    // Without this the runtime would end the process before the parts have stopped in order.
    context.Cancel = true;
    stop.Cancel();
}

static int Tell(string message, int code)
{
    Console.Error.WriteLine("edge-agent: " + message.ReplaceLineEndings(" "));
    return code;
}
