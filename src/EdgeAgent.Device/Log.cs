using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Mqtt;
using Microsoft.Extensions.Logging;

namespace EdgeAgent.Device;

/// <summary>Everything the agent logs.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "edge-agent {version}, device {device}, profile {profile}{emulated}, kernels {kernels}, {threads} thread(s), state in {state}")]
    public static partial void Started(ILogger logger, string version, string device, string profile, string emulated, string kernels, int threads, string state);

    [LoggerMessage(Level = LogLevel.Information, Message = "enrolled as {device} at {controller}; {keys} verifying key(s) pinned")]
    public static partial void Enrolled(ILogger logger, string device, Uri controller, int keys);

    [LoggerMessage(Level = LogLevel.Information, Message = "connected to {host}:{port}")]
    public static partial void Connected(ILogger logger, string host, int port);

    [LoggerMessage(Level = LogLevel.Warning, Message = "connection to {host}:{port} lost; reconnecting")]
    public static partial void Disconnected(ILogger logger, string host, int port);

    [LoggerMessage(Level = LogLevel.Warning, Message = "broker {host}:{port} cannot be reached ({reason}); trying again")]
    public static partial void BrokerNotThere(ILogger logger, string host, int port, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{model}: {from} -> {to}{reason}")]
    public static partial void Moved(ILogger logger, string model, DeploymentState from, DeploymentState to, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{model} does not serve: {reason}")]
    public static partial void CannotServe(ILogger logger, string model, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a desired state is ignored: {reason}")]
    public static partial void DesiredIgnored(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a command is ignored: {reason}")]
    public static partial void CommandIgnored(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "a {kind} message cannot be stored ({reason}); see that the disk of the state folder has room")]
    public static partial void MessageNotStored(ILogger logger, TopicKind kind, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopped")]
    public static partial void Stopped(ILogger logger);
}
