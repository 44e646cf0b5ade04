using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>What the controller logs, so that a test can wait for what has no other trace.</summary>
internal sealed class LogLines : ILoggerProvider
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    /// <summary>Waits for a line with the text; lines before it are passed over.</summary>
    public async Task<string> WaitForAsync(string text)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, TestFleet.Cancellation);
        while (true)
            if (await _lines.Reader.ReadAsync(either.Token) is var line && line.Contains(text, StringComparison.Ordinal))
                return line;
    }

    public ILogger CreateLogger(string categoryName) => new Lines(_lines.Writer);

    public void Dispose()
    {
    }

    private sealed class Lines(ChannelWriter<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.TryWrite($"{logLevel}: {formatter(state, exception)} {exception}");
    }
}
