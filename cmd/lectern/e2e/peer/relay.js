// The peer that make bench-signaling measures Lectern beside: the same relay, written the plain way on socket.io.
// It checks nothing, remembers no connectors, and prints its address when it listens.

import { createServer } from 'node:http';
import { Server } from 'socket.io';

const web = createServer();
const io = new Server(web, { maxHttpBufferSize: 1e6 });

io.on('connection', (socket) => {
  let room;
  socket.on('join', ({ roomname }) => {
    room = roomname;
    socket.to(room).emit('getOffer', { memberId: socket.id });
    socket.join(room);
  });
  const relay = (event, translate) => socket.on(event, (data) => io.to(data.memberId).emit(event, translate(data)));
  relay('offer', ({ connectorId, offer, streamType }) => ({ remoteConnectorId: connectorId, offer, memberId: socket.id, streamType }));
  relay('answer', ({ remoteConnectorId, connectorId, answer }) => ({ remoteConnectorId: connectorId, connectorId: remoteConnectorId, answer, memberId: socket.id }));
  relay('icecandidate', ({ remoteConnectorId, candidate }) => ({ connectorId: remoteConnectorId, candidate }));
});

web.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${web.address().port}`));
