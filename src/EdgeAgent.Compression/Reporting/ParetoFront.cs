namespace EdgeAgent.Compression.Reporting;

/// <summary>What no other point beats: none is cheaper and at least as good, or as cheap and better.</summary>
public static class ParetoFront
{
    /// <returns>The points of the front in order of rising cost; of equal points the first.</returns>
    public static IReadOnlyList<T> Of<T>(IEnumerable<T> points, Func<T, double> cost, Func<T, double> value)
    {
        var front = new List<T>();
        foreach (var point in points.OrderBy(cost).ThenByDescending(value))
            if (front.Count == 0 || value(point) > value(front[^1]))
                front.Add(point);
        return front;
    }
}
