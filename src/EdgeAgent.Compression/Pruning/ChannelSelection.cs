using EdgeAgent.Compression.Family;

namespace EdgeAgent.Compression.Pruning;

/// <summary>How many channels each group keeps, by one ranking over all groups.</summary>
public static class ChannelSelection
{
    /// <summary>A group is not narrowed below this share of its channels: an empty layer disconnects the model.</summary>
    private const double SmallestShare = 1.0 / 16;

    /// <summary>
    /// Removes the channels whose loss is least for what they save, a multiple at a time, until the cost is reached: a knapsack
    /// by its greedy rule. What a removal saves depends on what is left around it, and is computed anew for each.
    /// </summary>
    /// <param name="importance">Of every channel of every group, most important first, comparable between groups.</param>
    /// <param name="cost">Of the counts kept.</param>
    /// <param name="target">Largest cost allowed.</param>
    /// <returns>Channels kept; where even the narrowest model costs more, that one.</returns>
    public static int[] Of(IReadOnlyList<ChannelGroup> groups, IReadOnlyList<double[]> importance, Func<IReadOnlyList<int>, long> cost, double target, int multiple)
    {
        int[] counts = [.. groups.Select(g => g.Size)];
        int[] smallest = [.. groups.Select(g => Math.Min(g.Size, RoundUp(Math.Max(1, (int)(g.Size * SmallestShare)), multiple)))];
        var now = cost(counts);
        while (now > target)
        {
            var (best, kept, left, bestScore) = (-1, 0, now, double.PositiveInfinity);
            for (var g = 0; g < groups.Count; g++)
            {
                // The first removal brings the group to a multiple.
                var next = RoundUp(counts[g], multiple) - multiple;
                if (groups[g].Frozen || next < smallest[g])
                    continue;
                var before = counts[g];
                counts[g] = next;
                var then = cost(counts);
                counts[g] = before;
                var sum = 0.0;
                for (var c = next; c < before; c++)
                    sum += importance[g][c];
                // Equal scores go to the larger saving: unimportant channels leave in the largest steps.
                var score = sum / Math.Max(1, now - then);
                if (score < bestScore || (score == bestScore && then < left))
                    (best, kept, left, bestScore) = (g, next, then, score);
            }
            if (best < 0)
                break;
            (counts[best], now) = (kept, left);
        }
        return counts;
    }

    /// <summary>
    /// Norms of one group cannot be compared with those of another: layers differ in scale. Each group's squares are taken
    /// relative to their mean, so that what counts is how unevenly a group's channels matter.
    /// </summary>
    public static double[][] Relative(IReadOnlyList<double[]> norms) => [.. norms.Select(group =>
    {
        var squares = Array.ConvertAll(group, n => n * n);
        var mean = squares.Average();
        return mean > 0 ? Array.ConvertAll(squares, s => s / mean) : squares;
    })];

    private static int RoundUp(int count, int multiple) => (count + multiple - 1) / multiple * multiple;
}
