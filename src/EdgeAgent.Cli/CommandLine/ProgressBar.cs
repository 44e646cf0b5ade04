using Spectre.Console;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>A progress bar with time left on standard error; nothing where that is not a terminal.</summary>
internal static class ProgressBar
{
    /// <param name="terminal">Where it is drawn.</param>
    /// <param name="title">What is being done.</param>
    /// <param name="total">Number of steps.</param>
    /// <param name="work">Is given an action that takes the number of steps done.</param>
    public static T Run<T>(Terminal terminal, string title, int total, Func<Action<int>, T> work)
    {
        if (!terminal.Progress.Profile.Capabilities.Interactive)
            return work(_ => { });
        return terminal.Progress.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(Markup.Escape(title), maxValue: total);
                return work(done => task.Value = done);
            });
    }
}
