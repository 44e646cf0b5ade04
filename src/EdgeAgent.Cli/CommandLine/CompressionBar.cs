using EdgeAgent.Compression;
using Spectre.Console;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Progress of a long run: a bar per pass with the time left of the whole run, or lines where nobody watches.</summary>
internal static class CompressionBar
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(30);

    /// <exception cref="CommandException">It was stopped; the message says how to go on.</exception>
    public static T Run<T>(Terminal terminal, TrainingOptions options, Func<IProgress<CompressionProgress>, T> work)
    {
        try
        {
            return Run(terminal, work);
        }
        catch (OperationCanceledException fault)
        {
            throw new CommandException($"stopped; a checkpoint is in {options.OutDirectory}, and the same command with --resume continues it", fault);
        }
    }

    /// <summary>The same for a run that cannot be continued.</summary>
    public static T Run<T>(Terminal terminal, Func<IProgress<CompressionProgress>, T> work)
    {
        if (!terminal.Progress.Profile.Capabilities.Interactive)
            return work(new Lines(terminal));
        return terminal.Progress.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .Start(context => work(new Bars(terminal, context)));
    }

    private static string Describe(CompressionProgress progress) =>
        Units.Text($"{progress.Pass}{(progress.Loss is { } loss ? $"  loss {loss:0.000}" : "")}  {Durations.Text(progress.Left)} left");

    private sealed class Bars(Terminal terminal, ProgressContext context) : IProgress<CompressionProgress>
    {
        private readonly Dictionary<string, ProgressTask> _passes = [];
        private ProgressTask? _current;

        public void Report(CompressionProgress value)
        {
            lock (_passes)
            {
                if (value.Note is { } note)
                    terminal.Progress.WriteLine(note);
                if (!_passes.TryGetValue(value.Pass, out var pass))
                {
                    // A pass that ends early has done all it was going to do.
                    if (_current is { } before)
                        before.Value = before.MaxValue;
                    _passes[value.Pass] = pass = context.AddTask(Markup.Escape(value.Pass));
                }
                pass.MaxValue = Math.Max(1, value.Total);
                pass.Value = value.Done;
                pass.Description = Markup.Escape(Describe(value));
                _current = pass;
            }
        }
    }

    private sealed class Lines(Terminal terminal) : IProgress<CompressionProgress>
    {
        private readonly Lock _lock = new();
        private string _pass = "";
        private long _last;

        public void Report(CompressionProgress value)
        {
            lock (_lock)
            {
                if (value.Note is { } note)
                    terminal.Note(note);
                // A pass of one step says all it has to say in its note.
                if (value.Total <= 1)
                    return;
                if (value.Pass == _pass && TimeProvider.System.GetElapsedTime(_last) < LineInterval)
                    return;
                (_pass, _last) = (value.Pass, TimeProvider.System.GetTimestamp());
                terminal.Note(Units.Text($"{Describe(value)}  ({value.Done} of {value.Total})"));
            }
        }
    }
}
