using Microsoft.Extensions.Logging;

namespace EdgeAgent.Device;

/// <summary>One line per message on standard error, with systemd's priority prefix; the journal adds the time.</summary>
internal sealed class StandardErrorLogger : ILogger
{
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var priority = logLevel switch
        {
            >= LogLevel.Error => "<3>",
            LogLevel.Warning => "<4>",
            _ => "<6>",
        };
        Console.Error.WriteLine(priority + formatter(state, exception).ReplaceLineEndings(" "));
    }
}
