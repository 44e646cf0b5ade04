using System.Globalization;
using System.Text;

namespace EdgeAgent.Device.Storage;

/// <summary>
/// The device's time for judging expiry: never earlier than a time it has already seen. Boards without a clock battery
/// wake up in the past, where an expired package would look fresh.
/// </summary>
internal sealed class ClockFloor
{
    private static readonly TimeSpan s_step = TimeSpan.FromMinutes(10);
    private readonly string _path;
    private readonly TimeProvider _time;
    private DateTimeOffset _floor;

    public ClockFloor(string path, TimeProvider time)
    {
        (_path, _time) = (path, time);
        var text = DurableFile.Read(path);
        if (text is not null && DateTimeOffset.TryParseExact(Encoding.UTF8.GetString(text).Trim(), "O", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var floor))
            _floor = floor;
    }

    /// <summary>The wall clock, or the floor where the clock is behind it. Raises the floor on disk.</summary>
    public DateTimeOffset Now()
    {
        lock (_path)
        {
            var now = _time.GetUtcNow();
            // A write every ten minutes at most: flash wears.
            if (now > _floor + s_step)
            {
                _floor = now;
                DurableFile.Write(_path, Encoding.UTF8.GetBytes(now.ToString("O", CultureInfo.InvariantCulture)));
            }
            return now > _floor ? now : _floor;
        }
    }
}
